/* partial_sums.c - enqueues the dense half of cl/common/combine.cl: float sums over ranges of rows, which the dense and
 * the fused path make, are joined in order and added to the running statistics. */
#include "totals.h"

#include "arguments/combine.h"
#include "size.h"
#include "status.h"

enum { COMPONENT_ITEMS = 64 }; /* most work-items that share a component in common/combine.cl */

static uint32_t product_stride(const fg_shape *s)
{
    return s->row_stride * (s->is_diag_s2 ? 2 : 1);
}

/* Bytes that a component takes in each of the three buffers. */
typedef struct component_bytes {
    uint64_t weights, products, total_weights;
} component_bytes;

static component_bytes component_bytes_of(const fg_shape *s, uint32_t ranges, uint32_t splits)
{
    return (component_bytes){.weights = sizeof(float) * 2 * (uint64_t)ranges,
                             .products = sizeof(float) * (uint64_t)splits * product_stride(s),
                             .total_weights = sizeof(double)};
}

uint64_t fg_partial_sums_bytes(const fg_shape *s, uint32_t ranges, uint32_t splits)
{
    const component_bytes each = component_bytes_of(s, ranges, splits);
    return s->padded_k * (each.weights + each.products + each.total_weights);
}

static fgmm_status create_buffer(fg_buffer **buffer, fgmm_device *device, const fg_shape *s, uint64_t each,
                                 const char *what)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, s->padded_k, each, what));
    FG_TRY(fg_buffer_create(buffer, device, bytes, FG_BUFFER_DEVICE, what));
done:
    return status;
}

fgmm_status fg_partial_sums_create(fg_partial_sums *sums, fgmm_device *device, const fg_shape *s, uint32_t ranges,
                                   uint32_t splits)
{
    fgmm_status status = FGMM_OK;
    const component_bytes each = component_bytes_of(s, ranges, splits);
    FG_TRY(create_buffer(&sums->weights, device, s, each.weights, "partial weights"));
    FG_TRY(create_buffer(&sums->products, device, s, each.products, "partial sums"));
    FG_TRY(create_buffer(&sums->total_weights, device, s, each.total_weights, "weights"));
    FG_TRY(fg_common_kernel(&sums->combine_weights, device, s->backend, s->tile.vw, "combine_dense_weights"));
    FG_TRY(fg_common_kernel(&sums->combine, device, s->backend, s->tile.vw, "combine_dense"));
done:
    return status;
}

void fg_partial_sums_free(fg_partial_sums *sums)
{
    fg_buffer_free(sums->weights);
    fg_buffer_free(sums->products);
    fg_buffer_free(sums->total_weights);
    *sums = (fg_partial_sums){0};
}

/* ELEMENTS of cl/common/combine.cl. */
static uint32_t elements_of_item(fgmm_device *device, const fg_shape *s)
{
    const int has_vectors = s->sum_items == 1 && s->tile.vw >= 8 && fg_device_facts_of(device)->has_fp64;
    return has_vectors ? s->tile.vw : 1;
}

FG_ARGUMENTS(combine, COMBINE_DENSE_ARGUMENTS)

fgmm_status fg_partial_sums_combine(const fg_partial_sums *sums, const fg_inputs *in, const fg_totals *totals,
                                    uint32_t ranges, uint32_t splits)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const cl_uint s2_kind = fg_shape_s2_kind(s);
    const fg_argument weights[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->padded_k),
        FG_ARG_VALUE(ranges),
        FG_ARG_BUFFER(sums->weights),
        FG_ARG_BUFFER(sums->total_weights),
        FG_ARG_BUFFER(totals->totals),
        FG_ARG_VALUE(s->d),
        FG_ARG_VALUE(s2_kind),
    };
    const combine_arguments products = {
        .components = s->k,
        .padded_components = s->padded_k,
        .splits = splits,
        .partials = sums->products,
        .is_exact = in->parameters->is_exact,
        .panel = s->panel,
        .means = in->parameters->means,
        .tile_weights = sums->total_weights,
        .totals = totals->totals,
        .dims = s->d,
        .s2_kind = s2_kind,
        .are_differences = s->assignment == FG_ASSIGN_HARD,
    };
    const size_t width = s->sum_items, components = fg_round_up(s->k, width);
    const size_t items = product_stride(s) / elements_of_item(in->device, s),
                 local = items < COMPONENT_ITEMS ? items : COMPONENT_ITEMS;
    const size_t elements[2] = {(size_t)s->k * local, (size_t)fg_ceil_div(items, local)};
    const size_t group[2] = {local, 1};
    FG_TRY(FG_LAUNCH(in->device, sums->combine_weights, weights, 1, &components, &width));
    FG_TRY(launch_combine(in->device, sums->combine, &products, 2, elements, group));
done:
    return status;
}
