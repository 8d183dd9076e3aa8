/* paths.c - the ways that a batch may take into the statistics, and the choice among them:
 *
 *   fused    rows straight into sums that stay in a core's cache, without lists; CPUs, small K D
 *   dense    all responsibilities of a tile of rows, and a matrix product
 *   precise  in double precision, where the caller asks for it
 *   sparse   the few responsibilities that matter, sorted by component
 *
 * Where the path is not forced, what a batch keeps decides about the next one. */
#include "parts.h"

#include "status.h"

#include <math.h>

/* A batch is dense when more than this share of its rows overflowed. */
static const double dense_share = 0.25;
/* Rows that keep more components each than SPARSE_NONZEROS are dense. To list, sort and gather a nonzero costs about as
 * much as so many components of the dense path: DENSE_COST for its elements, and fg_backend.dims_of_nonzero / D for the
 * nonzero itself (measured: 20 at D = 128). */
enum { DENSE_COST = 8, SPARSE_NONZEROS = 48 };

static double sparse_cost(const fg_shape *s, double nonzeros)
{
    return nonzeros > SPARSE_NONZEROS ? (double)INFINITY : nonzeros * (DENSE_COST + s->backend->dims_of_nonzero / s->d);
}

static double dense_cost(const fg_shape *s, double nonzeros)
{
    (void)nonzeros;
    return s->k;
}

/* The paths in the order in which they are tried: the first that applies is taken. Defined at the end. */
enum { PRECISE, FUSED, DENSE, SPARSE, KINDS };
static const fg_path_kind kinds[KINDS];

/* Would the dense path have been cheaper for rows that keep so many components each? */
static int prefers_dense(const fg_shape *s, double nonzeros)
{
    return kinds[SPARSE].cost(s, nonzeros) > kinds[DENSE].cost(s, nonzeros);
}

static fg_outputs outputs_of(const fg_pass *pass)
{
    return (fg_outputs){&pass->totals, pass->sparse.logz};
}

/* All rows of a batch, or of those that were deferred, by the dense path. survivors: as fg_dense_normalise. */
static fgmm_status sum_dense(fg_pass *pass, const fg_rows *rows, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    const fg_inputs in = fg_pass_inputs(pass, rows);
    const fg_outputs out = outputs_of(pass);
    const fg_dense_span span = {pass->transpose.rows, 0, 0, (uint32_t)rows->n};
    FG_TRY(pass->shape.has_fused_dense ? fg_fused_run(&pass->fused, &in, &out, survivors)
                                       : fg_dense_run(&pass->dense, &in, &span, &out, survivors));
    FG_TRY(fg_totals_add_rows(&pass->totals, &in, out.logz));
done:
    return status;
}

fgmm_status fg_sum_deferred(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    const fg_rows rows = fg_deferred_rows(&pass->deferred);
    if (rows.n == 0) return FGMM_OK;
    FG_TRY(sum_dense(pass, &rows, NULL));
    pass->deferred.count = 0;
done:
    return status;
}

/* ---- sparse ---- */

/* Rows that overflowed: few are deferred, more than there is room for are summed at once. */
static fgmm_status sum_overflowed(fg_pass *pass, const fg_inputs *in, const fg_transpose_counts *counts)
{
    const fg_dense_span span = {pass->transpose.rows, 1, counts->nonzeros, counts->overflowed};
    const fg_outputs out = outputs_of(pass);
    return pass->deferred.count + span.count <= fg_deferred_capacity(&pass->shape)
               ? fg_deferred_add(&pass->deferred, in, &span, out.logz)
               : fg_dense_run(&pass->dense, in, &span, &out, NULL);
}

/* A backend that does not await the counts sums meanwhile, for as many segments as there may be, and has work when the
 * numbers have come. */
static fgmm_status sum_segments(fg_pass *pass, const fg_inputs *in, fg_transpose_counts *counts)
{
    fgmm_status status = FGMM_OK;
    const int is_awaited = pass->shape.backend->awaits_counts;
    if (is_awaited) FG_TRY(fg_transpose_wait(&pass->transpose, counts));
    const uint64_t segments = is_awaited ? counts->segments : fg_most_segments(&pass->shape, in->rows->n);
    FG_TRY(fg_totals_add_segments(&pass->totals, in, &pass->transpose, (uint32_t)segments));
    if (!is_awaited) FG_TRY(fg_transpose_wait(&pass->transpose, counts));
done:
    return status;
}

static void see_sparse(fg_pass *pass, const fg_transpose_counts *counts, double n)
{
    fg_path_choice *choice = &pass->choice;
    choice->sparse_batches++;
    choice->dense_rows += counts->overflowed;
    if (choice->wanted == FGMM_PATH_AUTO && pass->shape.matrices == 0 && !pass->packed.is_recentred)
        choice->is_dense = counts->overflowed > dense_share * n || prefers_dense(&pass->shape, counts->nonzeros / n);
}

static fgmm_status run_sparse(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_inputs in = fg_pass_inputs(pass, rows);
    fg_transpose_counts counts;
    FG_TRY(fg_pass_responsibilities(pass, rows, pass->shape.cutoff));
    FG_TRY(fg_weigh_nonzeros(&pass->totals.weighing, &in, &pass->sparse));
    FG_TRY(fg_transpose_run(&pass->transpose, &in, &pass->sparse));
    FG_TRY(sum_segments(pass, &in, &counts));
    FG_TRY(fg_moments_run(&pass->moments, &in, &pass->transpose, &counts));
    if (counts.overflowed > 0) FG_TRY(sum_overflowed(pass, &in, &counts));
    FG_TRY(fg_totals_add_rows(&pass->totals, &in, pass->sparse.logz));
    if (pass->deferred.count > fg_deferred_capacity(&pass->shape) / 2)
        FG_TRY(fg_sum_deferred(pass)); /* the batch's log-normalisers are used up by now */
    see_sparse(pass, &counts, (double)rows->n);
done:
    return status;
}

static int always(const fg_pass *pass)
{
    (void)pass;
    return 1;
}

/* All passes have its buffers. */
static uint64_t no_bytes(const fg_shape *s)
{
    (void)s;
    return 0;
}

/* ---- dense ---- */

static fgmm_status run_dense(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    fg_path_choice *choice = &pass->choice;
    uint64_t survivors = 0;
    FG_TRY(sum_dense(pass, rows, &survivors));
    choice->dense_batches++;
    choice->dense_rows += rows->n;
    if (choice->wanted == FGMM_PATH_AUTO)
        choice->is_dense = prefers_dense(&pass->shape, (double)survivors / (double)rows->n);
done:
    return status;
}

/* Sums about other centres take lists, which sum differences. */
static int dense_applies(const fg_pass *pass)
{
    return pass->choice.is_dense && pass->shape.assignment == FG_ASSIGN_SOFT && !pass->packed.is_recentred;
}

static uint64_t dense_bytes(const fg_shape *s)
{
    const int has_dense = s->assignment == FG_ASSIGN_SOFT && s->matrices == 0;
    return has_dense ? fg_dense_bytes(s) + fg_deferred_bytes(s) : 0;
}

/* ---- fused ---- */

static fgmm_status run_fused(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_inputs in = fg_pass_inputs(pass, rows);
    const fg_outputs out = outputs_of(pass);
    uint64_t survivors = 0;
    FG_TRY(fg_fused_run(&pass->fused, &in, &out, &survivors));
    FG_TRY(fg_totals_add_rows(&pass->totals, &in, out.logz));
    if (survivors <= fg_fused_most_nonzeros(&pass->shape, rows->n)) {
        pass->choice.sparse_batches++;
    } else {
        pass->choice.dense_batches++;
        pass->choice.dense_rows += rows->n;
    }
done:
    return status;
}

/* Unless upper bounds spare most of the products, which only lists know. */
static int fused_applies(const fg_pass *pass)
{
    return pass->shape.is_fused && !pass->packed.pruning.is_used && !pass->packed.is_recentred;
}

/* ---- precise ---- */

static fgmm_status run_precise(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_inputs in = fg_pass_inputs(pass, rows);
    FG_TRY(fg_precise_run(&pass->precise, &in, &pass->sparse));
    FG_TRY(fg_totals_add_rows(&pass->totals, &in, pass->sparse.logz));
    pass->choice.sparse_batches++;
done:
    return status;
}

static int precise_applies(const fg_pass *pass)
{
    return pass->precise.is_used;
}

static const fg_path_kind kinds[KINDS] = {
    [PRECISE] = {precise_applies, run_precise, fg_precise_bytes, NULL, 0},
    [FUSED] = {fused_applies, run_fused, fg_fused_bytes, NULL, 0},
    [DENSE] = {dense_applies, run_dense, dense_bytes, dense_cost, 1},
    [SPARSE] = {always, run_sparse, no_bytes, sparse_cost, 1},
};

const fg_path_kind *fg_path_of(const fg_pass *pass)
{
    const fg_path_kind *kind = kinds;
    while (!kind->applies(pass)) kind++;
    return kind;
}

uint64_t fg_paths_bytes(const fg_shape *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < KINDS; i++) sum += kinds[i].bytes(s);
    return sum;
}
