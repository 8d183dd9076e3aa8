/* test_search.c - the tuner's engine and the spaces of tiles, with a made-up operation: a cost by formula, a clock that
 * only its work moves, candidates that fail, are wrong or lie. No device. */
#include "support.h"

#include "search.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct made_tile {
    uint32_t height, width, step, extra;
} made_tile;

enum { SWEEP = 1u, PRODUCT = 2u }; /* programs, as bits */

static const fg_space_parameter parameters[] = {
    {"height", "H", offsetof(made_tile, height), SWEEP | PRODUCT, 0, 1, 64, {1, 2, 4, 8, 16, 32}},
    {"width", "W", offsetof(made_tile, width), SWEEP | PRODUCT, 0, 1, 64, {1, 2, 4, 8, 16, 32}},
    {"step", "S", offsetof(made_tile, step), SWEEP, 1, 1, 64, {1, 2, 4, 8, 16}},
    {"extra", "X", offsetof(made_tile, extra), PRODUCT, 0, 1, 8, {1, 2, 3, 4, 5}},
};

static const char *reject(const void *tile, const void *problem)
{
    const made_tile *t = tile;
    (void)problem;
    return t->step % t->height == 0 || t->height % t->step == 0 ? NULL : "step and height do not divide";
}

static void repair(void *tile)
{
    made_tile *t = tile;
    if (t->step > t->height) t->step = t->height;
}

static void needs(fg_space_needs *found, const void *tile, const void *problem)
{
    const made_tile *t = tile;
    (void)problem;
    *found = (fg_space_needs){8ull * t->height * t->width, t->width, t->height * (uint64_t)t->step};
}

static const fg_space space = {"made", sizeof(made_tile), parameters, 4, reject, repair, needs};
static const fg_space_needs limits = {2048, 32, 256};
static const made_tile first_tile = {2, 2, 1, 1};

/* What the operation does, and what it has seen. */
typedef struct made_op {
    double clock_s, build_s;
    int (*is_failing)(const made_tile *tile, unsigned program);
    int (*is_wrong)(const made_tile *tile, unsigned program);
    const made_tile *suspect;
    uint64_t cancel_after, builds, runs, noise;
    int is_flat; /* all tiles cost the same, but for noise of a percent */
    made_tile prepared, begun;
    unsigned program;
    int is_prepared_right, has_begun;
    uint64_t steps;
} made_op;

/* Least at height 8, width 16, step 4, extra 3, with a valley across height and width. */
static double cost(const made_tile *t, unsigned program)
{
    const double h = log2(t->height) - 3, w = log2(t->width) - 4, s = log2(t->step) - 2, x = (double)t->extra - 3;
    return program == 0 ? 1 + 0.1 * (h * h + w * w + 0.8 * h * w + 0.3 * s * s) : 2 + 0.2 * x * x;
}

static fgmm_status prepare(void *user, const void *tile, unsigned program, int *is_right)
{
    made_op *o = user;
    if (!tile) return FGMM_OK;
    ck_assert_ptr_null(fg_space_reject(&space, tile, NULL, &limits)); /* nothing illegal is ever built */
    memcpy(&o->prepared, tile, sizeof o->prepared);
    o->program = program;
    o->builds++;
    o->clock_s += o->build_s;
    if (o->is_failing && o->is_failing(tile, program)) return fg_fail(FGMM_COMPILE, "made.cl: does not build");
    *is_right = o->is_prepared_right = !o->is_wrong || !o->is_wrong(tile, program);
    return FGMM_OK;
}

static fgmm_status run(void *user, double *seconds)
{
    made_op *o = user;
    ck_assert(o->is_prepared_right); /* nothing is timed before it is verified */
    *seconds = o->is_flat ? 1 + 0.01 * (double)(o->noise++ * 7 % 3) : cost(&o->prepared, o->program);
    o->runs++;
    o->clock_s += *seconds / 100;
    return FGMM_OK;
}

static void begin(void *user, const void *tile)
{
    made_op *o = user;
    ck_assert_int_ne(o->has_begun, tile != NULL); /* each candidate is ended before the next begins */
    o->has_begun = tile != NULL;
    if (tile) memcpy(&o->begun, tile, sizeof o->begun);
}

static int is_suspect(void *user, const void *tile)
{
    const made_op *o = user;
    return o->suspect && memcmp(o->suspect, tile, sizeof *o->suspect) == 0;
}

static int progress(void *user, const fg_search_step *step)
{
    made_op *o = user;
    ck_assert_uint_eq(step->tried, ++o->steps);
    return o->cancel_after && step->tried == o->cancel_after;
}

static double clock_s(void *user)
{
    return ((made_op *)user)->clock_s;
}

static fg_search_op op_of(made_op *o)
{
    return (fg_search_op){.space = &space,
                          .limits = limits,
                          .programs = 2,
                          .user = o,
                          .prepare = prepare,
                          .run = run,
                          .begin = begin,
                          .is_suspect = is_suspect,
                          .progress = progress,
                          .now_s = clock_s};
}

static made_tile winner(const fg_search_result *result)
{
    made_tile tile;
    memcpy(&tile, result->tile, sizeof tile);
    return tile;
}

/* The least cost of all legal tiles in both programs. */
static double exhaustive_s(void)
{
    double least[2] = {INFINITY, INFINITY};
    made_tile t;
    for (t.height = 1; t.height <= 32; t.height *= 2)
        for (t.width = 1; t.width <= 32; t.width *= 2)
            for (t.step = 1; t.step <= 16; t.step *= 2)
                for (t.extra = 1; t.extra <= 5; t.extra++)
                    for (unsigned p = 0; p < 2; p++)
                        if (!fg_space_reject(&space, &t, NULL, &limits)) least[p] = fmin(least[p], cost(&t, p));
    return least[0] + least[1];
}

/* What the project asks of a tuned tile: 0.95 of an exhaustive search. */
static const double share_of_exhaustive = 0.95;

START_TEST(test_search__comes_close_to_an_exhaustive_search)
{
    made_op o = {.build_s = 1};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    const made_tile found = winner(&result);
    ck_assert_double_ge(exhaustive_s() / (cost(&found, 0) + cost(&found, 1)), share_of_exhaustive);
    ck_assert_double_eq(result.best_s[0], cost(&found, 0));
    ck_assert_double_eq(result.best_s[1], cost(&found, 1));
    ck_assert_double_eq(result.first_s[0], cost(&first_tile, 0));
    ck_assert_int_eq(result.is_complete, 1);
    ck_assert_int_eq(o.has_begun, 0);
    ck_assert_uint_lt(o.builds, 100); /* of some 700 legal tiles */
}
END_TEST

START_TEST(test_search__budget_is_kept_and_the_best_so_far_wins)
{
    for (double budget_s = 4; budget_s < 60; budget_s *= 1.7) {
        made_op o = {.build_s = 1};
        const fg_search_op op = op_of(&o);
        fg_search_result result;
        ck_ok(fg_search_run(&result, &op, &first_tile, budget_s));
        const made_tile found = winner(&result);
        ck_assert_double_le(cost(&found, 0), cost(&first_tile, 0));
        ck_assert_int_eq(result.is_complete, 0);
        ck_assert_double_le(result.elapsed_s,
                            budget_s + 15); /* the first tile and the last comparison are always made */
    }
}
END_TEST

/* Cheaper than all that is right, and next to it. */
static int is_wide(const made_tile *tile, unsigned program)
{
    (void)program;
    return tile->width == 16;
}

START_TEST(test_search__wrong_results_never_win)
{
    made_op o = {.build_s = 1, .is_wrong = is_wide};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    ck_assert_uint_ne(winner(&result).width, 16);
    ck_assert_uint_gt(result.wrong, 0);
    ck_assert_uint_eq(result.failed, 0);
}
END_TEST

START_TEST(test_search__failing_builds_are_passed_over)
{
    made_op o = {.build_s = 1, .is_failing = is_wide};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    ck_assert_uint_ne(winner(&result).width, 16);
    ck_assert_uint_gt(result.failed, 0);
    ck_assert_uint_eq(result.wrong, 0);
}
END_TEST

static int is_first(const made_tile *tile, unsigned program)
{
    (void)program;
    return memcmp(tile, &first_tile, sizeof *tile) == 0;
}

START_TEST(test_search__another_tile_wins_where_the_first_fails)
{
    made_op o = {.build_s = 1, .is_failing = is_first};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    const made_tile found = winner(&result);
    ck_assert_int_eq(is_first(&found, 0), 0);
    ck_assert(isinf(result.first_s[0]));
}
END_TEST

static int is_any(const made_tile *tile, unsigned program)
{
    (void)tile;
    (void)program;
    return 1;
}

START_TEST(test_search__says_why_where_nothing_works)
{
    made_op o = {.build_s = 1, .is_failing = is_any};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_fails(fg_search_run(&result, &op, &first_tile, 1000), FGMM_COMPILE, "does not build");
    o = (made_op){.build_s = 1, .is_wrong = is_any};
    ck_fails(fg_search_run(&result, &op, &first_tile, 1000), FGMM_INTERNAL, "no tile gives right results");
}
END_TEST

/* The product of the sweep's best tiles is broken. */
static int is_broken_product(const made_tile *tile, unsigned program)
{
    return program == 1 && tile->height == 8;
}

START_TEST(test_search__winner_works_in_every_program)
{
    made_op o = {.build_s = 1, .is_wrong = is_broken_product};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    ck_assert_uint_ne(winner(&result).height, 8);
    ck_assert(isfinite(result.best_s[0]) && isfinite(result.best_s[1]));
}
END_TEST

START_TEST(test_search__suspects_are_not_built)
{
    const made_tile best = {8, 16, 4, 3};
    made_op o = {.build_s = 1};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    const made_tile found = winner(&result);
    ck_assert_mem_eq(&found, &best, sizeof best);
    o = (made_op){.build_s = 1, .suspect = &best};
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    const made_tile other = winner(&result);
    ck_assert_mem_ne(&other, &best, sizeof best);
    ck_assert_uint_eq(result.skipped, 1);
}
END_TEST

START_TEST(test_search__noise_replaces_nothing)
{
    made_op o = {.build_s = 1, .is_flat = 1};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_ok(fg_search_run(&result, &op, &first_tile, 1000));
    const made_tile found = winner(&result);
    ck_assert_mem_eq(&found, &first_tile, sizeof first_tile);
}
END_TEST

START_TEST(test_search__ends_when_told)
{
    made_op o = {.build_s = 1, .cancel_after = 3};
    const fg_search_op op = op_of(&o);
    fg_search_result result;
    ck_fails(fg_search_run(&result, &op, &first_tile, 1000), FGMM_CANCELLED, "cancelled");
    ck_assert_uint_eq(o.builds, 3);
    ck_assert_int_eq(o.has_begun, 0);
}
END_TEST

START_TEST(test_space__text_and_tile_are_the_same)
{
    char text[FG_TILE_TEXT_BYTES];
    made_tile tile;
    fg_space_format(&space, &(made_tile){8, 16, 4, 3}, text, sizeof text);
    ck_assert_str_eq(text, "height=8 width=16 step=4 extra=3");
    ck_assert_int_eq(fg_space_parse(&space, &tile, "made step=4 height=8 lanes=2  extra=3 width=16 "), 1);
    fg_space_format(&space, &tile, text, sizeof text);
    ck_assert_str_eq(text, "height=8 width=16 step=4 extra=3");
    static const char *const bad[] = {"",
                                      "height=8 width=16 step=4",
                                      "height=8 width=16 step=4 extra=",
                                      "height=8 width=16 step=4 extra=-3",
                                      "height=8 width=16 step=4 extra=3x",
                                      "height=8 height=8 width=16 step=4 extra=3",
                                      "height=8 width=16 step=4 extra=99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!fg_space_parse(&space, &tile, bad[i]), "taken: %s", bad[i]);
    ck_assert_int_eq(fg_space_format(&space, &(made_tile){8, 16, 4, 3}, text, 7), 32); /* cut, as snprintf does */
    ck_assert_str_eq(text, "height");
}
END_TEST

/* A parameter with a usual value need not be named. */
START_TEST(test_space__usual_values_are_left_out_of_texts)
{
    char text[FG_TILE_TEXT_BYTES];
    made_tile tile;
    fg_space_parameter some[4];
    memcpy(some, parameters, sizeof some);
    some[0].usual = 8;
    some[3].usual = 1;
    const fg_space with_usual = {"made", sizeof(made_tile), some, 4, reject, repair, needs};
    fg_space_format(&with_usual, &(made_tile){8, 16, 4, 1}, text, sizeof text);
    ck_assert_str_eq(text, "width=16 step=4");
    ck_assert_int_eq(fg_space_parse(&with_usual, &tile, text), 1);
    ck_assert_uint_eq(tile.height, 8);
    ck_assert_uint_eq(tile.extra, 1);
    fg_space_format(&with_usual, &(made_tile){4, 16, 4, 2}, text, sizeof text);
    ck_assert_str_eq(text, "height=4 width=16 step=4 extra=2");
    ck_assert_int_eq(fg_space_parse(&with_usual, &tile, text), 1);
    ck_assert_uint_eq(tile.height, 4);
    ck_assert_uint_eq(tile.extra, 2);
    ck_assert(!fg_space_parse(&with_usual, &tile, "width=16 extra=2"));
    ck_assert(!fg_space_parse(&with_usual, &tile, "width=16 step=4 extra=2 extra=2"));
}
END_TEST

START_TEST(test_space__constraints_say_what_is_wrong)
{
    const struct {
        made_tile tile;
        const char *reason;
    } cases[] = {{{8, 16, 4, 3}, NULL},     {{0, 16, 4, 3}, "out of range"},  {{65, 16, 1, 3}, "out of range"},
                 {{8, 16, 3, 3}, "divide"}, {{32, 16, 4, 3}, "local memory"}, {{1, 64, 1, 3}, "work-groups"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *reason = fg_space_reject(&space, &cases[i].tile, NULL, &limits);
        if (cases[i].reason)
            ck_assert_msg(reason && strstr(reason, cases[i].reason), "case %zu: %s", i, reason ? reason : "taken");
        else
            ck_assert_ptr_null(reason);
    }
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_search__comes_close_to_an_exhaustive_search,
        test_search__budget_is_kept_and_the_best_so_far_wins,
        test_search__wrong_results_never_win,
        test_search__failing_builds_are_passed_over,
        test_search__another_tile_wins_where_the_first_fails,
        test_search__says_why_where_nothing_works,
        test_search__winner_works_in_every_program,
        test_search__suspects_are_not_built,
        test_search__noise_replaces_nothing,
        test_search__ends_when_told,
        test_space__text_and_tile_are_the_same,
        test_space__usual_values_are_left_out_of_texts,
        test_space__constraints_say_what_is_wrong,
    };
    Suite *s = suite_create("search");
    ADD_CASE(s, "search", NULL, NULL, 60, tests);
    return s;
}
