/* evaluate.c - what a batch's lists and dense tiles say of each row: log-likelihood, label, largest responsibilities.
 * Runs the same kernels as accumulation; picks on the host. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Host copies of a batch's results. */
typedef struct host_lists {
    float *logz;          /* (n) */
    cl_uint *counts;      /* (n) */
    cl_uint *components;  /* (n, capacity) */
    float *values;        /* (n, capacity) */
    cl_uint *sorted_rows; /* rows for the dense path */
    float *tile;          /* (panels, tile rows, panel) responsibilities of a dense tile */
} host_lists;

static void host_lists_free(host_lists *h)
{
    free(h->logz);
    free(h->counts);
    free(h->components);
    free(h->values);
    free(h->sorted_rows);
    free(h->tile);
}

uint64_t fg_evaluate_host_bytes(const fg_shape *s)
{
    const uint64_t row = sizeof(float) + sizeof(cl_uint) + s->capacity * (2 * sizeof(cl_uint) + sizeof(float));
    if (s->matrices) return s->batch_rows * row + s->k * sizeof(float);
    return s->batch_rows * row + (uint64_t)fg_dense_plan_of(s).tile_rows * s->padded_k * sizeof(float);
}

static fgmm_status fetch_lists(host_lists *h, const fg_pass *pass, size_t n)
{
    fgmm_status status = FGMM_OK;
    const fg_sparse *sparse = &pass->sparse;
    const uint64_t places = (uint64_t)n * pass->shape.capacity;
    FG_TRY(FG_ALLOC(&h->counts, n, "labels"));
    FG_TRY(FG_ALLOC(&h->components, places, "labels"));
    FG_TRY(FG_ALLOC(&h->values, places, "labels"));
    FG_TRY(fg_buffer_read(sparse->counts, 0, h->counts, n * sizeof(cl_uint)));
    FG_TRY(fg_buffer_read(sparse->components, 0, h->components, (size_t)places * sizeof(cl_uint)));
    FG_TRY(fg_buffer_read(sparse->values, 0, h->values, (size_t)places * sizeof(float)));
done:
    return status;
}

/* The largest of each row's list; lists ascend, so the first of equals is the lowest. */
static void label_lists(int32_t *labels, const host_lists *h, size_t n, uint32_t capacity)
{
    for (size_t i = 0; i < n; i++) {
        const float *value = h->values + i * capacity;
        cl_uint best = 0;
        for (cl_uint q = 1; q < h->counts[i]; q++)
            if (value[q] > value[best]) best = q;
        labels[i] = (int32_t)h->components[i * capacity + best];
    }
}

/* A row's responsibilities under all components: `panel` of them adjacent, then the next panel. */
typedef struct row_values {
    const float *first;
    size_t panel, panel_stride;
    uint32_t k;
} row_values;

/* Of a row of a dense tile. */
static row_values tile_row(const fg_pass *pass, const host_lists *h, uint32_t row)
{
    const fg_shape *s = &pass->shape;
    return (row_values){h->tile + (size_t)row * s->panel, s->panel, (size_t)pass->dense.plan.tile_rows * s->panel,
                        s->k};
}

/* The `top` largest of a row, descending, ties to the lower component: insertion into a short sorted list. */
static void pick_largest(int32_t *ids, float *values, uint32_t top, const row_values *row)
{
    uint32_t filled = 0;
    for (uint32_t c = 0; c < row->k; c++) {
        const float value = row->first[c / row->panel * row->panel_stride + c % row->panel];
        if (filled == top && value <= values[top - 1]) continue;
        uint32_t at = filled < top ? filled++ : top - 1;
        for (; at > 0 && values[at - 1] < value; at--) {
            values[at] = values[at - 1];
            ids[at] = ids[at - 1];
        }
        values[at] = value;
        ids[at] = (int32_t)c;
    }
}

/* Rows of a span by the dense path; batch rows are found through the list where the span has one. */
static fgmm_status evaluate_dense(fg_pass *pass, const fg_inputs *in, const fg_dense_span *span,
                                  const fg_evaluation_rows *out, host_lists *h)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_dense_create(&pass->dense, pass->device, &pass->shape));
    if (!h->tile)
        FG_TRY(
            FG_ALLOC(&h->tile, (uint64_t)pass->dense.plan.tile_rows * pass->shape.padded_k, "dense responsibilities"));
    for (uint32_t done_rows = 0; done_rows < span->count;) {
        const uint32_t n = (uint32_t)fg_min_u64(pass->dense.plan.tile_rows, span->count - done_rows);
        const fg_dense_span tile = {span->list, span->use_list, span->first + done_rows, n};
        FG_TRY(fg_dense_normalise(&pass->dense, in, &tile, pass->sparse.logz, NULL));
        if (out->labels || out->top) FG_TRY(fg_buffer_read(pass->dense.r, 0, h->tile, fg_buffer_bytes(pass->dense.r)));
        for (uint32_t i = 0; i < n; i++) {
            const size_t row = span->use_list ? h->sorted_rows[tile.first + i] : tile.first + i;
            const row_values values = tile_row(pass, h, i);
            float largest;
            if (out->labels) pick_largest(out->labels + row, &largest, 1, &values);
            if (out->top)
                pick_largest(out->ids + row * out->top, out->responsibilities + row * out->top, out->top, &values);
        }
        done_rows += n;
    }
done:
    return status;
}

/* Lists say all but the rows that overflowed. */
static fgmm_status evaluate_sparse(fg_pass *pass, const fg_inputs *in, const fg_evaluation_rows *out, host_lists *h)
{
    fgmm_status status = FGMM_OK;
    fg_transpose_counts counts;
    FG_TRY(fg_pass_responsibilities(pass, in->rows, pass->shape.cutoff));
    FG_TRY(fg_transpose_run(&pass->transpose, in, &pass->sparse));
    FG_TRY(fg_transpose_wait(&pass->transpose, &counts));
    if (out->labels) {
        FG_TRY(fetch_lists(h, pass, in->rows->n));
        label_lists(out->labels, h, in->rows->n, pass->shape.capacity);
    }
    if (counts.overflowed > 0) {
        const fg_dense_span span = {pass->transpose.rows, 1, counts.nonzeros, counts.overflowed};
        FG_TRY(FG_ALLOC(&h->sorted_rows, counts.all, "rows"));
        FG_TRY(fg_buffer_read(pass->transpose.rows, 0, h->sorted_rows, sizeof(cl_uint) * counts.all));
        FG_TRY(evaluate_dense(pass, in, &span, out, h));
    }
done:
    return status;
}

/* Where covariances are matrices lists have room for all components: `top` is picked from lists that drop nothing. */
static fgmm_status evaluate_matrices(fg_pass *pass, const fg_inputs *in, const fg_evaluation_rows *out, host_lists *h)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    float *row = NULL;
    FG_TRY(fg_pass_responsibilities(pass, in->rows, out->top ? FG_CUTOFF_NONE : s->cutoff));
    if (!out->labels && !out->top) return FGMM_OK;
    FG_TRY(fetch_lists(h, pass, in->rows->n));
    if (out->labels) label_lists(out->labels, h, in->rows->n, s->capacity);
    FG_TRY(FG_ALLOC(&row, s->k, "responsibilities"));
    for (size_t i = 0; out->top && i < in->rows->n; i++) {
        const row_values values = {row, s->k, 0, s->k};
        memset(row, 0, s->k * sizeof *row);
        for (cl_uint q = 0; q < h->counts[i]; q++)
            row[h->components[i * s->capacity + q]] = h->values[i * s->capacity + q];
        pick_largest(out->ids + i * out->top, out->responsibilities + i * out->top, out->top, &values);
    }
done:
    free(row);
    return status;
}

fgmm_status fg_pass_evaluate(fg_pass *pass, const fg_rows *weighted, const fg_evaluation_rows *out)
{
    fgmm_status status = FGMM_OK;
    host_lists h = {0};
    const fg_rows rows = {weighted->buffer, weighted->offset_bytes, weighted->n};
    const fg_inputs in = fg_pass_inputs(pass, &rows);
    const size_t n = rows.n;
    FG_CHECK(n > 0 && n <= pass->shape.batch_rows, FGMM_INTERNAL, "rows of a batch = %zu; need 1..%u", n,
             pass->shape.batch_rows);
    /* lists hold what a sum can feel; the M largest may lie below that, so they need all components */
    const int all_dense = pass->shape.assignment == FG_ASSIGN_SOFT && (out->top > 0 || pass->choice.is_dense);
    if (pass->shape.assignment == FG_ASSIGN_SOFT && pass->shape.matrices) {
        FG_TRY(evaluate_matrices(pass, &in, out, &h));
    } else if (all_dense) {
        const fg_dense_span span = {pass->transpose.rows, 0, 0, (uint32_t)n};
        FG_TRY(evaluate_dense(pass, &in, &span, out, &h));
    } else {
        FG_TRY(evaluate_sparse(pass, &in, out, &h));
    }
    if (out->log_likelihood) {
        FG_TRY(FG_ALLOC(&h.logz, n, "log-likelihoods"));
        FG_TRY(fg_buffer_read(pass->sparse.logz, 0, h.logz, n * sizeof(float)));
        for (size_t i = 0; i < n; i++) out->log_likelihood[i] = pass->packed.facts.log_offset + (double)h.logz[i];
        if (fg_device_is_spoiled(pass->device)) out->log_likelihood[n - 1] = (double)NAN;
    }
done:
    host_lists_free(&h);
    return status;
}
