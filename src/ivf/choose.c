/* choose.c - rows to lists: by distances to the centroids (search/assign.h), or by a mixture's responsibilities. */
#include "choose.h"

#include "assign.h"
#include "e_step.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Costs are at least 0, so that their bits ascend as they do; the leading 16 of 31 make a histogram of their own width
 * of 2^-7. */
enum { BINS = 1 << 16, BIN_SHIFT = 15, BUFFER_ROWS = 1 << 14, BATCH_BYTES = 1 << 22 };

/* A pass under way. */
typedef struct chooser {
    const fg_choose_request *request;
    fg_choices *out;
    uint64_t *histogram; /* (BINS) of the costs behind the first */
    fg_choice *batch;    /* (rows, width) */
} chooser;

static uint32_t bin_of(float cost)
{
    uint32_t bits;
    memcpy(&bits, &cost, sizeof bits);
    return bits >> BIN_SHIFT;
}

/* Takes n rows' choices, (n,width). */
static fgmm_status record_choices(chooser *c, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const uint32_t width = c->out->width;
    for (uint64_t i = 0; i < n; i++)
        for (uint32_t j = 1; j < width; j++) {
            const float cost = c->batch[i * width + j].cost;
            if (cost < (float)INFINITY) c->histogram[bin_of(cost)]++;
        }
    FG_TRY(fg_atomic_write(c->out->file, c->batch, (size_t)n * width * sizeof *c->batch));
    c->out->rows += n;
done:
    return status;
}

/* ---- by distance ---- */

typedef struct distance_pass {
    fg_list_storage *centroids;
    fg_assign *assign;
    float *floats;       /* (rows,d) */
    unsigned char *rows; /* (rows) as they come */
    uint32_t *first, *second;
    float *ratio;
    uint64_t capacity;
} distance_pass;

static fgmm_status distance_open(distance_pass *p, const fg_choose_request *request, int has_second)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &request->head->info;
    const size_t row_bytes = (size_t)info->dims * fgmm_type_bytes(request->source->info.type);
    p->capacity = fg_min_u64(BUFFER_ROWS, fg_max_u64(1, BATCH_BYTES / row_bytes));
    if (request->batch_rows) p->capacity = fg_min_u64(p->capacity, request->batch_rows);
    FG_TRY(fg_centroid_storage(&p->centroids, request->device, request->head->centroids, info->lists, info->dims));
    FG_TRY(fg_assign_create(&p->assign, p->centroids, request->head->centroids, has_second));
    FG_TRY(FG_ALLOC(&p->floats, p->capacity * info->dims, "rows"));
    FG_TRY(fg_alloc((void **)&p->rows, p->capacity, row_bytes, "rows"));
    FG_TRY(FG_ALLOC(&p->first, p->capacity, "assignments"));
    FG_TRY(FG_ALLOC(&p->second, p->capacity, "assignments"));
    FG_TRY(FG_ALLOC(&p->ratio, p->capacity, "assignments"));
done:
    return status;
}

static void distance_close(distance_pass *p)
{
    fg_assign_free(p->assign);
    fg_list_storage_free(p->centroids);
    free(p->floats);
    free(p->rows);
    free(p->first);
    free(p->second);
    free(p->ratio);
}

static fgmm_status choose_by_distance(chooser *c)
{
    fgmm_status status = FGMM_OK;
    distance_pass p = {0};
    fgmm_source *source = c->request->source;
    const fg_index_head *head = c->request->head;
    const uint32_t width = c->out->width;
    uint64_t n;
    FG_TRY(distance_open(&p, c->request, width > 1));
    FG_TRY(FG_ALLOC(&c->batch, p.capacity * width, "assignments"));
    FG_TRY(fgmm_source_rewind(source));
    do {
        FG_TRY(fg_rows_fill(source, p.rows, p.capacity, &n));
        FG_TRY(fg_rows_check_given(source, p.rows, n, c->out->rows, fg_most_value(source->info.type)));
        fg_rows_to_float(p.floats, p.rows, source->info.type, n, source->info.dims, head->shift, head->unit);
        if (head->is_shifted) FG_TRY(fg_index_check_rows(p.floats, n, source->info.dims, c->out->rows));
        FG_TRY(fg_assign_run(p.assign, p.floats, n, p.first, p.second, p.ratio));
        for (uint64_t i = 0; i < n; i++) {
            c->batch[i * width] = (fg_choice){p.first[i], 0};
            if (width > 1) c->batch[i * width + 1] = (fg_choice){p.second[i], p.ratio[i]};
        }
        FG_TRY(record_choices(c, n));
        FG_TRY(fg_progress_rows(c->request->progress, n));
    } while (n == p.capacity);
done:
    distance_close(&p);
    return status;
}

/* ---- by responsibility ---- */

typedef struct mixture_pass {
    chooser *chooser;
    fg_e_step e;
    fg_range range;
    fg_evaluation_rows wanted; /* ids, and responsibilities where there are several */
    int32_t *ids;              /* (rows, width) */
    float *responsibilities;
} mixture_pass;

static fgmm_status mixture_open(mixture_pass *p, const fg_choose_request *request, uint32_t width)
{
    fgmm_status status = FGMM_OK;
    const int is_soft = request->head->info.assignment == FGMM_ASSIGN_SOFT;
    const fg_parameters parameters = fg_model_parameters(request->head->mixture);
    const fg_memory_plan_request plan = {
        .device = request->device,
        .source = request->source,
        .batch_rows = request->batch_rows,
        .memory_limit_bytes = request->memory_limit_bytes,
        .held_bytes = fg_memory_plan_held_bytes(),
        .pass = {.covariance = parameters.covariance, .k = parameters.k, .d = parameters.d},
        .host_row_bytes = (uint64_t)width * (sizeof(int32_t) + sizeof(float) + sizeof(fg_choice)),
    };
    FG_TRY(fg_range_of(&p->range, &parameters));
    FG_TRY(fg_range_check(&parameters, p->range.unit, request->source->info.type, "quantizer"));
    FG_TRY(fg_e_step_open(&p->e, &plan, &p->range, 1));
    FG_TRY(fg_e_step_set_pass(&p->e, FG_ASSIGN_SOFT));
    FG_TRY(fg_e_step_load(&p->e, &parameters));
    FG_TRY(FG_ALLOC(&p->ids, (uint64_t)p->e.plan.batch_rows * width, "assignments"));
    FG_TRY(FG_ALLOC(&p->responsibilities, (uint64_t)p->e.plan.batch_rows * width, "assignments"));
    if (is_soft)
        p->wanted = (fg_evaluation_rows){.top = width, .ids = p->ids, .responsibilities = p->responsibilities};
    else
        p->wanted = (fg_evaluation_rows){.labels = p->ids};
done:
    return status;
}

static fgmm_status choose_of_batch(void *user, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const mixture_pass *p = user;
    chooser *c = p->chooser;
    const uint32_t width = c->out->width;
    FG_TRY(fg_pass_evaluate(p->e.pass, rows, &p->wanted));
    for (uint64_t i = 0; i < rows->n * width; i++) {
        const int is_first = i % width == 0;
        c->batch[i] = (fg_choice){(uint32_t)p->ids[i], is_first ? 0 : fmaxf(0, -logf(p->responsibilities[i]))};
    }
    FG_TRY(record_choices(c, rows->n));
done:
    return status;
}

static fgmm_status choose_by_responsibility(chooser *c)
{
    fgmm_status status = FGMM_OK;
    mixture_pass p = {.chooser = c};
    const uint32_t width = c->out->width;
    FG_TRY(mixture_open(&p, c->request, width));
    FG_TRY(FG_ALLOC(&c->batch, (uint64_t)p.e.plan.batch_rows * width, "assignments"));
    FG_TRY(fg_feed_begin(p.e.feed));
    FG_TRY(fg_feed_each(p.e.feed, c->request->progress, choose_of_batch, &p));
done:
    fg_e_step_close(&p.e);
    free(p.range.centre);
    free(p.ids);
    free(p.responsibilities);
    return status;
}

/* ---- the threshold ---- */

/* As many choices as make `copies_per_row` entries per row: all of the bins below an edge, and the first ones in it. */
static void set_edge(fg_choices *out, const uint64_t *histogram, double copies_per_row)
{
    const double wanted = (copies_per_row - 1) * (double)out->rows;
    uint64_t left = wanted > 0 ? (uint64_t)llround(wanted) : 0;
    uint32_t bin = 0;
    while (bin + 1 < BINS && histogram[bin] <= left) left -= histogram[bin++];
    const uint32_t bits = bin << BIN_SHIFT;
    float edge;
    memcpy(&edge, &bits, sizeof edge);
    out->threshold = isfinite(edge) ? (double)edge : (double)FLT_MAX;
    out->edge = bin;
    out->edge_left = left;
}

fgmm_status fg_choices_next(fg_choices *c, uint32_t *lists, uint32_t *count)
{
    fgmm_status status = FGMM_OK;
    if (c->used == c->waiting) {
        const uint64_t n = fg_min_u64(BUFFER_ROWS, c->rows - c->read);
        FG_CHECK(n > 0, FGMM_DATA, "the source gives more rows in its second pass than the %llu of its first",
                 (unsigned long long)c->rows);
        const size_t row_bytes = c->width * sizeof(fg_choice);
        FG_TRY(fg_input_read_at(c->input, c->read * row_bytes, c->buffer, (size_t)n * row_bytes));
        c->read += n;
        c->waiting = n;
        c->used = 0;
    }
    const fg_choice *row = c->buffer + c->used++ * c->width;
    *count = 0;
    lists[(*count)++] = row[0].list;
    for (uint32_t j = 1; j < c->width; j++) {
        int is_taken = (double)row[j].cost < c->threshold;
        if (!is_taken && c->edge_left > 0 && row[j].cost < (float)INFINITY && bin_of(row[j].cost) == c->edge) {
            c->edge_left--;
            is_taken = 1;
        }
        if (is_taken) lists[(*count)++] = row[j].list;
    }
done:
    return status;
}

/* Lengths of the lists: a first reading of the file. */
static fgmm_status count_lists(fg_choices *c)
{
    fgmm_status status = FGMM_OK;
    const uint64_t edge_left = c->edge_left;
    uint32_t lists[FGMM_LISTS_PER_ROW_MAX], count;
    c->read = c->waiting = c->used = 0;
    for (uint64_t i = 0; i < c->rows; i++) {
        FG_TRY(fg_choices_next(c, lists, &count));
        for (uint32_t j = 0; j < count; j++) c->counts[lists[j]]++;
    }
    c->edge_left = edge_left;
    c->read = c->waiting = c->used = 0;
done:
    return status;
}

fgmm_status fg_choices_make(fg_choices *choices, const fg_choose_request *request)
{
    fgmm_status status = FGMM_OK;
    chooser c = {.request = request, .out = choices};
    const fgmm_index_info *info = &request->head->info;
    const int is_soft = info->assignment == FGMM_ASSIGN_SOFT;
    *choices = (fg_choices){.threshold = request->threshold};
    choices->width = info->assignment == FGMM_ASSIGN_HARD ? 1 : (uint32_t)fg_min_u64(info->max_lists, info->lists);
    FG_TRY(FG_ALLOC(&choices->counts, info->lists, "list lengths"));
    FG_TRY(FG_ALLOC(&choices->buffer, (uint64_t)BUFFER_ROWS * choices->width, "assignments"));
    FG_TRY(FG_ALLOC(&c.histogram, BINS, "costs"));
    FG_TRY(fg_atomic_open(&choices->file, request->path)); /* a temporary file: it never gets that name */
    const int by_distance = !is_soft && (info->assignment == FGMM_ASSIGN_RESIDUAL || !request->head->mixture);
    FG_TRY(by_distance ? choose_by_distance(&c) : choose_by_responsibility(&c));
    FG_TRY(fg_atomic_resize(choices->file, choices->rows * choices->width * sizeof(fg_choice)));
    FG_TRY(fg_input_open(&choices->input, fg_atomic_temporary(choices->file)));
    if (request->copies_per_row > 0) set_edge(choices, c.histogram, request->copies_per_row);
    FG_TRY(count_lists(choices));
done:
    free(c.histogram);
    free(c.batch);
    if (status != FGMM_OK) fg_choices_clear(choices);
    return status;
}

void fg_choices_clear(fg_choices *c)
{
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    fg_input_close(c->input);
    fg_atomic_abandon(c->file);
    free(c->counts);
    free(c->buffer);
    *c = (fg_choices){0};
    fg_error_restore(text);
}
