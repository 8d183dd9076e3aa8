/* search.c - the engine behind search.h. */
#include "search.h"

#include "size.h"
#include "thread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 5, MOST_ROUNDS = 4 };

/* One run this much above the best ends a candidate: no noise of a quiet machine reaches it. */
static const double hopeless = 1.25;
/* What a new tile must win by: repeated medians differ by a percent. */
static const double margin = 0.98;
/* Of the budget, for all programs but the last. */
static const double first_share = 0.75;

/* A candidate that has been looked at. */
typedef struct tried_tile {
    unsigned char tile[FG_TILE_BYTES];
    unsigned program;
    fg_verdict verdict;
    double seconds; /* INFINITY where it was not timed */
} tried_tile;

typedef struct search {
    const fg_search_op *op;
    fg_search_result *result;
    tried_tile *tried; /* (count) */
    uint64_t count, capacity;
    double began_s, deadline_s; /* deadline: of the program that is being tuned */
    double longest_s;           /* the candidate that took longest, built and timed */
    fgmm_status failure;        /* of the last candidate that failed, with its text */
    char failure_text[FG_ERROR_TEXT_BYTES];
} search;

/* A combination of a group's values on its way to be tried. */
typedef struct candidate {
    unsigned char tile[FG_TILE_BYTES];
    uint64_t distance; /* steps from the tile it is made of */
} candidate;

static double now_s(const search *s)
{
    return s->op->now_s ? s->op->now_s(s->op->user) : fg_now_s();
}

/* ---- one candidate ---- */

static const tried_tile *find_tried(const search *s, const void *tile, unsigned program)
{
    for (uint64_t i = 0; i < s->count; i++)
        if (s->tried[i].program == program && memcmp(s->tried[i].tile, tile, s->op->space->tile_bytes) == 0)
            return &s->tried[i];
    return NULL;
}

static fgmm_status record_tried(search *s, const tried_tile *tile)
{
    if (s->count == s->capacity) {
        const uint64_t capacity = 2 * s->capacity + 64;
        tried_tile *tried = realloc(s->tried, (size_t)capacity * sizeof *tried);
        if (!tried) return fg_fail(FGMM_MEMORY, "tiles tried: %llu", (unsigned long long)capacity);
        s->tried = tried;
        s->capacity = capacity;
    }
    s->tried[s->count++] = *tile;
    return FGMM_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of RUNS runs; of fewer where the first is hopeless against best_s. */
static fgmm_status time_prepared(double *seconds, const search *s, double best_s)
{
    fgmm_status status = FGMM_OK;
    double runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        FG_TRY(s->op->run(s->op->user, &runs[i]));
        *seconds = runs[i];
        if (i == 0 && runs[i] > hopeless * best_s) return FGMM_OK;
    }
    qsort(runs, RUNS, sizeof runs[0], by_value);
    *seconds = runs[RUNS / 2];
done:
    return status;
}

/* Built, verified, timed: sets verdict and seconds. Fails when the whole search must end. */
static fgmm_status judge(search *s, tried_tile *t, double best_s)
{
    const fg_search_op *op = s->op;
    int is_right = 0;
    if (op->begin) op->begin(op->user, t->tile);
    fgmm_status status = op->prepare(op->user, t->tile, t->program, &is_right);
    if (status == FGMM_OK && is_right) status = time_prepared(&t->seconds, s, best_s);
    if (op->begin) op->begin(op->user, NULL);
    t->verdict = status != FGMM_OK ? FG_VERDICT_FAILED : is_right ? FG_VERDICT_TIMED : FG_VERDICT_WRONG;
    if (t->verdict != FG_VERDICT_TIMED) t->seconds = (double)INFINITY;
    if (status == FGMM_OK) return FGMM_OK;
    s->failure = status;
    fg_error_save(s->failure_text);
    return status == FGMM_CANCELLED ? status : FGMM_OK;
}

static void count_verdict(fg_search_result *r, fg_verdict verdict)
{
    r->tried++;
    r->failed += verdict == FG_VERDICT_FAILED;
    r->wrong += verdict == FG_VERDICT_WRONG;
    r->skipped += verdict == FG_VERDICT_SKIPPED;
}

/* *seconds of the tile in the program, INFINITY where it is of no use. */
static fgmm_status measure(double *seconds, search *s, const void *tile, unsigned program, double best_s)
{
    fgmm_status status = FGMM_OK;
    const fg_search_op *op = s->op;
    const tried_tile *known = find_tried(s, tile, program);
    *seconds = (double)INFINITY;
    if (known) {
        *seconds = known->seconds;
        return FGMM_OK;
    }
    const double began_s = now_s(s);
    tried_tile t = {.program = program, .verdict = FG_VERDICT_SKIPPED, .seconds = (double)INFINITY};
    memcpy(t.tile, tile, op->space->tile_bytes);
    if (!op->is_suspect || !op->is_suspect(op->user, tile)) FG_TRY(judge(s, &t, best_s));
    FG_TRY(record_tried(s, &t));
    count_verdict(s->result, t.verdict);
    const double ended_s = now_s(s);
    s->longest_s = fmax(s->longest_s, ended_s - began_s);
    *seconds = t.seconds;
    const fg_search_step step = {
        tile, program, t.verdict, t.seconds, fmin(best_s, t.seconds), ended_s - s->began_s, s->result->tried};
    FG_CHECK(!op->progress || op->progress(op->user, &step) == 0, FGMM_CANCELLED, "tuning was cancelled");
done:
    return status;
}

/* Another candidate would end beyond the deadline. */
static int is_late(search *s)
{
    if (now_s(s) + s->longest_s <= s->deadline_s) return 0;
    s->result->is_complete = 0;
    return 1;
}

/* ---- a group of parameters ---- */

/* Position of the value among those worth trying: the nearest below. */
static size_t value_index(const fg_space_parameter *p, uint32_t value)
{
    size_t i = fg_space_value_count(p);
    while (i > 1 && p->values[i - 1] > value) i--;
    return i > 0 ? i - 1 : 0;
}

/* A parameter is tuned with the first program that is compiled with it. */
static int is_tuned_with(const fg_space_parameter *p, unsigned program)
{
    return (p->programs >> program & 1) && (p->programs & ((1u << program) - 1)) == 0;
}

static int is_in_group(const fg_space_parameter *p, unsigned program, unsigned group)
{
    return is_tuned_with(p, program) && p->group == group;
}

static int is_worth_trying(const search *s, const void *tile)
{
    const fg_search_op *op = s->op;
    fg_space_needs needs = {0};
    if (fg_space_reject(op->space, tile, op->problem, &op->limits)) return 0;
    if (op->space->needs) op->space->needs(&needs, tile, op->problem);
    return needs.registers <= op->limits.registers;
}

static int by_distance(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return memcmp(x->tile, y->tile, sizeof x->tile); /* qsort is not stable */
}

/* Combination number `number` of the group's values, the others as in base. */
static void make_candidate(candidate *c, const fg_space *space, const void *base, unsigned program, unsigned group,
                           uint64_t number)
{
    memset(c, 0, sizeof *c);
    memcpy(c->tile, base, space->tile_bytes);
    for (size_t i = 0; i < space->count; i++) {
        const fg_space_parameter *p = &space->parameters[i];
        if (!is_in_group(p, program, group)) continue;
        const size_t values = fg_space_value_count(p), at = value_index(p, fg_space_get(space, base, i));
        const size_t value = (size_t)(number % values);
        number /= values;
        fg_space_set(space, c->tile, i, p->values[value]);
        c->distance += value > at ? value - at : at - value;
    }
    if (space->repair) space->repair(c->tile);
}

/* Tries the combinations of a group around *best, those within `reach` steps. */
static fgmm_status search_group(search *s, void *best, double *best_s, unsigned program, unsigned group, uint64_t reach)
{
    fgmm_status status = FGMM_OK;
    const fg_space *space = s->op->space;
    candidate *candidates = NULL;
    uint64_t combinations = 1, count = 0;
    for (size_t i = 0; i < space->count; i++)
        if (is_in_group(&space->parameters[i], program, group))
            combinations *= fg_space_value_count(&space->parameters[i]);
    FG_TRY(FG_ALLOC(&candidates, combinations, "tiles to try"));
    for (uint64_t i = 0; i < combinations; i++) {
        make_candidate(&candidates[count], space, best, program, group, i);
        count += candidates[count].distance <= reach && is_worth_trying(s, candidates[count].tile);
    }
    qsort(candidates, (size_t)count, sizeof *candidates, by_distance);
    for (uint64_t i = 0; i < count && !is_late(s); i++) {
        double seconds;
        FG_TRY(measure(&seconds, s, candidates[i].tile, program, *best_s));
        if (!(seconds < margin * *best_s)) continue;
        *best_s = seconds;
        memcpy(best, candidates[i].tile, space->tile_bytes);
    }
done:
    free(candidates);
    return status;
}

/* ---- a program ---- */

static fgmm_status search_program(search *s, void *best, double *best_s, unsigned program)
{
    fgmm_status status = FGMM_OK;
    const fg_space *space = s->op->space;
    unsigned groups = 0;
    for (size_t i = 0; i < space->count; i++)
        if (is_tuned_with(&space->parameters[i], program) && space->parameters[i].group >= groups)
            groups = space->parameters[i].group + 1;
    for (int round = 0; round < MOST_ROUNDS; round++) {
        const double before_s = *best_s;
        for (unsigned group = 0; group < groups; group++)
            FG_TRY(search_group(s, best, best_s, program, group, round == 0 ? UINT64_MAX : 1));
        if (*best_s == before_s && round > 0) break;
    }
done:
    return status;
}

/* The fastest tile of program 0 that is not yet given up; NULL: none. */
static tried_tile *fastest(const search *s)
{
    tried_tile *found = NULL;
    for (uint64_t i = 0; i < s->count; i++)
        if (s->tried[i].program == 0 && isfinite(s->tried[i].seconds) &&
            (!found || s->tried[i].seconds < found->seconds))
            found = &s->tried[i];
    return found;
}

/* Makes `best` a tile that works in all programs: the fastest of the first whose other programs can be used too. */
static fgmm_status settle(search *s, void *best, double best_s[FG_SEARCH_MOST_PROGRAMS])
{
    fgmm_status status = FGMM_OK;
    for (;;) {
        unsigned program = 1;
        for (; program < s->op->programs; program++) {
            FG_TRY(measure(&best_s[program], s, best, program, (double)INFINITY));
            if (!isfinite(best_s[program])) break;
        }
        if (program == s->op->programs && isfinite(best_s[0])) return FGMM_OK;
        const tried_tile *known = find_tried(s, best, 0);
        if (known) s->tried[known - s->tried].seconds = (double)INFINITY;
        const tried_tile *next = fastest(s);
        if (!next) break;
        memcpy(best, next->tile, s->op->space->tile_bytes);
        best_s[0] = next->seconds;
    }
    fg_error_restore(s->failure_text);
    status = s->failure ? s->failure : fg_fail(FGMM_INTERNAL, "no tile gives right results");
done:
    return status;
}

/* The final comparison: both tiles in turns. Medians of all runs. */
static fgmm_status duel(const search *s, const void *first, const void *winner, unsigned program, double medians[2])
{
    fgmm_status status = FGMM_OK;
    enum { ROUNDS = 3, RUNS_OF_ROUND = 2 };
    double runs[2][ROUNDS * RUNS_OF_ROUND];
    const void *const tiles[2] = {first, winner};
    for (int round = 0; round < ROUNDS; round++)
        for (int side = 0; side < 2; side++) {
            int is_right;
            FG_TRY(s->op->prepare(s->op->user, tiles[side], program, &is_right));
            for (int i = 0; i < RUNS_OF_ROUND; i++)
                FG_TRY(s->op->run(s->op->user, &runs[side][round * RUNS_OF_ROUND + i]));
        }
    for (int side = 0; side < 2; side++) {
        qsort(runs[side], ROUNDS * RUNS_OF_ROUND, sizeof(double), by_value);
        medians[side] = (runs[side][ROUNDS * RUNS_OF_ROUND / 2 - 1] + runs[side][ROUNDS * RUNS_OF_ROUND / 2]) / 2;
    }
done:
    return status;
}

/* Where the first tile works, the winner must beat it, in the mean of what all programs gain. */
static fgmm_status confirm(const search *s, const void *first, const void *winner)
{
    fgmm_status status = FGMM_OK;
    fg_search_result *r = s->result;
    double shares = 0;
    const size_t bytes = s->op->space->tile_bytes;
    memcpy(r->tile, winner, bytes);
    if (memcmp(first, winner, bytes) == 0 || !isfinite(r->first_s[0])) return FGMM_OK;
    for (unsigned program = 0; program < s->op->programs; program++) {
        double medians[2];
        FG_TRY(duel(s, first, winner, program, medians));
        r->first_s[program] = medians[0];
        r->best_s[program] = medians[1];
        shares += medians[1] / medians[0] / s->op->programs;
    }
    if (shares < margin) return FGMM_OK;
    memcpy(r->tile, first, bytes);
    memcpy(r->best_s, r->first_s, sizeof r->best_s);
done:
    return status;
}

fgmm_status fg_search_run(fg_search_result *result, const fg_search_op *op, const void *first, double budget_s)
{
    fgmm_status status = FGMM_OK;
    unsigned char best[FG_TILE_BYTES] = {0};
    *result = (fg_search_result){.is_complete = 1};
    search s = {.op = op, .result = result};
    s.began_s = now_s(&s);
    memcpy(best, first, op->space->tile_bytes);
    for (unsigned program = 0; program < op->programs; program++) {
        double *best_s = &result->best_s[program];
        s.deadline_s = s.began_s + budget_s * (program + 1 < op->programs ? first_share : 1);
        if (program == 0) {
            FG_TRY(measure(best_s, &s, best, program, (double)INFINITY));
        } else {
            FG_TRY(measure(&result->first_s[program], &s, first, program, (double)INFINITY));
            FG_TRY(settle(&s, best, result->best_s));
        }
        if (program == 0) result->first_s[0] = *best_s;
        FG_TRY(search_program(&s, best, best_s, program));
    }
    FG_TRY(settle(&s, best, result->best_s));
    FG_TRY(confirm(&s, first, best));
done:
    op->prepare(op->user, NULL, 0, &(int){0});
    result->elapsed_s = now_s(&s) - s.began_s;
    free(s.tried);
    return status;
}
