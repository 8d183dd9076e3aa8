/* blas_matrices.c - tied and full covariances by a BLAS. Rows about a mean, or the nonzeros of several segments, are
 * put together as a matrix of floats; what the BLAS makes of them is added up by kernels of cl/gpu/blas.cl. */
#include "blas_matrices.h"

#include "arguments/blas.h"
#include "blas.h"
#include "density.h"
#include "size.h"
#include "status.h"

enum { ITEMS = 64, DENSITY_ROWS = 8 }; /* of a work-group, as in cl/gpu/blas.cl */

/* Rows that are multiplied at once: enough to keep a large GPU busy. Buffers of so many bytes hold them. */
enum { MOST_ROWS = 1 << 16 };
static const uint64_t most_bytes = 64 << 20;

static int is_used(const fg_shape *s)
{
    return s->matrices > 0 && s->tile.blas == FG_BLAS_CLBLAST;
}

/* K-means has second moments as matrices too, but takes distances without. */
static int is_used_for_rows(const fg_shape *s)
{
    const fg_density *density = fg_density_of(s->covariance);
    return is_used(s) && (density->whitens_rows || density->has_factors);
}

/* ---- sizes ---- */

static uint32_t rows_at_once(const fg_shape *s)
{
    const uint64_t rows = fg_min_u64(fg_min_u64(MOST_ROWS, s->batch_rows), most_bytes / (sizeof(float) * s->d));
    return (uint32_t)fg_min_u64(fg_max_u64(rows, 1), fg_launch_rows(s, (double)s->d * s->d, 1));
}

static uint32_t segments_at_once(const fg_shape *s)
{
    const uint64_t chunk = s->tile.chunk, largest = fg_max_u64(chunk, s->d) * s->d;
    const uint64_t held = fg_min_u64(MOST_ROWS / chunk, most_bytes / (sizeof(float) * largest));
    const double launched = s->launch_work / ((double)chunk * s->d * s->d);
    const uint64_t segments = fg_min_u64(fg_most_segments(s, s->batch_rows), held);
    return (uint32_t)fg_max_u64(launched < (double)segments ? (uint64_t)launched : segments, 1);
}

uint64_t fg_blas_staged_floats(const fg_shape *s)
{
    return is_used_for_rows(s) ? (uint64_t)rows_at_once(s) * s->d : 0;
}

uint64_t fg_blas_factor_floats(const fg_shape *s)
{
    return is_used_for_rows(s) ? (uint64_t)s->d * s->d : 0;
}

/* Whitened rows are written where they belong. */
uint64_t fg_blas_transformed_floats(const fg_shape *s)
{
    return fg_density_of(s->covariance)->has_factors ? fg_blas_staged_floats(s) : 0;
}

uint64_t fg_blas_gathered_floats(const fg_shape *s)
{
    return is_used(s) ? (uint64_t)segments_at_once(s) * s->tile.chunk * s->d : 0;
}

uint64_t fg_blas_product_floats(const fg_shape *s)
{
    return is_used(s) ? (uint64_t)segments_at_once(s) * s->d * s->d : 0;
}

/* ---- kernels ---- */

fgmm_status fg_blas_whitening_kernels(fg_whitening *w, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    if (!is_used_for_rows(s)) return FGMM_OK;
    FG_TRY(fg_program_kernel(&w->stage_rows, device, s, FG_PROGRAM_BLAS, "blas_stage_rows"));
    FG_TRY(fg_program_kernel(&w->stage_factor, device, s, FG_PROGRAM_BLAS, "blas_stage_factor"));
    FG_TRY(fg_program_kernel(&w->sum_squares, device, s, FG_PROGRAM_BLAS, "blas_densities"));
done:
    return status;
}

fgmm_status fg_blas_moments_kernels(fg_moments *m, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    if (!is_used(s)) return FGMM_OK;
    FG_TRY(fg_program_kernel(&m->gather, device, s, FG_PROGRAM_BLAS, "blas_gather"));
    FG_TRY(fg_program_kernel(&m->add_products, device, s, FG_PROGRAM_BLAS, "blas_add_products"));
done:
    return status;
}

/* ---- whitening ---- */

static fgmm_status stage_factor(const fg_whitening *w, const fg_inputs *in, const fg_buffer *packed, cl_uint c)
{
    const fg_argument arguments[] = {FG_ARG_BUFFER(packed), FG_ARG_VALUE(c), FG_ARG_BUFFER(w->whole_factor)};
    const size_t local = ITEMS, global = (size_t)fg_round_up((uint64_t)in->shape->d * in->shape->d, ITEMS);
    return FG_LAUNCH(in->device, w->stage_factor, arguments, 1, &global, &local);
}

/* Rows first_row .. of the batch about a component's mean, times its factor, to element `first` of `to`. */
static fgmm_status transform(const fg_whitening *w, const fg_inputs *in, const fg_buffer *packed, cl_uint c,
                             const fg_row_part *p, const fg_buffer *to, size_t first)
{
    fgmm_status status = FGMM_OK;
    const size_t d = in->shape->d;
    const cl_ulong first_element = fg_first_element(in);
    const cl_uint count = p->end - p->first_row;
    const fg_argument stage[] = {
        FG_ARG_BUFFER(in->rows->buffer),
        FG_ARG_VALUE(first_element),
        FG_ARG_VALUE(p->first_row),
        FG_ARG_VALUE(count),
        FG_ARG_BUFFER(in->shift),
        FG_ARG_BUFFER(packed),
        FG_ARG_VALUE(c),
        FG_ARG_BUFFER(w->staged),
    };
    const size_t local = ITEMS, global = (size_t)fg_round_up(count * (uint64_t)d, ITEMS);
    const fg_blas_product product = {
        .a = {.buffer = w->staged, .pitch = d},
        .b = {.buffer = w->whole_factor, .pitch = d, .is_transposed = 1},
        .c = {.buffer = to, .first = first, .pitch = d},
        .m = count,
        .n = d,
        .k = d,
        .count = 1,
    };
    FG_TRY(FG_LAUNCH(in->device, w->stage_rows, stage, 1, &global, &local));
    FG_TRY(fg_blas_multiply(in->device, &product));
done:
    return status;
}

fgmm_status fg_blas_whiten(const fg_whitening *w, const fg_inputs *in)
{
    fgmm_status status = FGMM_OK;
    const cl_uint most = rows_at_once(in->shape);
    FG_TRY(stage_factor(w, in, w->factor, 0));
    for (fg_row_part p = fg_row_part_of(in->rows, 0, most); p.first_row < p.n;
         p = fg_row_part_of(in->rows, p.end, most))
        FG_TRY(transform(w, in, w->factor, 0, &p, w->rows, (size_t)p.first_row * in->shape->d));
done:
    return status;
}

/* ---- log-densities ---- */

FG_ARGUMENTS(density, BLAS_DENSITY_ARGUMENTS)

static fgmm_status sum_squares(const fg_whitening *w, const fg_inputs *in, cl_uint c, const fg_row_part *p)
{
    const density_arguments arguments = {
        .transformed = w->transformed,
        .first_row = p->first_row,
        .count = p->end - p->first_row,
        .packed = in->parameters->packed,
        .c = c,
        .offset = in->parameters->offset,
        .padded_components = in->shape->padded_k,
        .densities = w->densities,
    };
    const size_t local = ITEMS, global = (size_t)fg_ceil_div(arguments.count, DENSITY_ROWS) * ITEMS;
    return launch_density(in->device, w->sum_squares, &arguments, 1, &global, &local);
}

fgmm_status fg_blas_densities(const fg_whitening *w, const fg_inputs *in)
{
    fgmm_status status = FGMM_OK;
    const cl_uint most = rows_at_once(in->shape);
    for (cl_uint c = 0; c < in->shape->k; c++) {
        FG_TRY(stage_factor(w, in, in->parameters->packed, c));
        for (fg_row_part p = fg_row_part_of(in->rows, 0, most); p.first_row < p.n;
             p = fg_row_part_of(in->rows, p.end, most)) {
            FG_TRY(transform(w, in, in->parameters->packed, c, &p, w->transformed, 0));
            FG_TRY(sum_squares(w, in, c, &p));
        }
    }
done:
    return status;
}

/* ---- second moments ---- */

int fg_blas_takes_moments(const fg_moments *m, const fg_inputs *in)
{
    const cl_uint *is_wide = in->parameters->facts.is_wide;
    if (!m->gather) return 0;
    for (uint32_t c = 0; c < in->shape->k; c++)
        if (is_wide[c]) return 0;
    return 1;
}

FG_ARGUMENTS(gather, BLAS_GATHER_ARGUMENTS)
FG_ARGUMENTS(add, BLAS_ADD_ARGUMENTS)

static fgmm_status gather(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose, cl_uint first,
                          cl_uint count)
{
    const gather_arguments arguments = {
        FG_ROW_MEMBERS(in),
        .shift = in->parameters->shift,
        .means = fg_packed_centres(in->parameters),
        .segment_component = transpose->segment_component,
        FG_SEGMENT_MEMBERS(transpose),
        .first_segment = first,
        .segment_rows = in->shape->tile.chunk,
        .gathered = m->gathered,
    };
    const size_t local = ITEMS, global = (size_t)count * in->shape->tile.chunk * ITEMS;
    return launch_gather(in->device, m->gather, &arguments, 1, &global, &local);
}

static fgmm_status add_products(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose, cl_uint first,
                                cl_uint end)
{
    const fg_shape *s = in->shape;
    const add_arguments arguments = {
        .products = m->products,
        .component_segment = transpose->component_segment,
        .first_segment = first,
        .end_segment = end,
        .components = s->k,
        .matrices = s->matrices,
        .out = m->sums,
    };
    const size_t local = ITEMS, global = (size_t)fg_round_up((uint64_t)s->matrices * s->d * s->d, ITEMS);
    return launch_add(in->device, m->add_products, &arguments, 1, &global, &local);
}

/* One product for each segment, all of them alike: what is missing in a segment are zeros. */
fgmm_status fg_blas_moments(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose, uint32_t segments)
{
    fgmm_status status = FGMM_OK;
    const size_t d = in->shape->d, chunk = in->shape->tile.chunk;
    const uint32_t most = segments_at_once(in->shape);
    for (uint32_t first = 0; first < segments;) {
        const uint32_t count = (uint32_t)fg_min_u64(most, segments - first);
        const fg_blas_product product = {
            .a = {.buffer = m->gathered, .pitch = d, .stride = chunk * d, .is_transposed = 1},
            .b = {.buffer = m->gathered, .pitch = d, .stride = chunk * d},
            .c = {.buffer = m->products, .pitch = d, .stride = d * d},
            .m = d,
            .n = d,
            .k = chunk,
            .count = count,
        };
        FG_TRY(gather(m, in, transpose, first, count));
        FG_TRY(fg_blas_multiply(in->device, &product));
        FG_TRY(add_products(m, in, transpose, first, first + count));
        first += count;
    }
done:
    return status;
}
