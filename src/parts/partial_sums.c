/* partial_sums.c - enqueues the dense half of cl/common/combine.cl: float sums over ranges of rows, which the dense
 * path and the small mixtures make, are joined in order and added to the running statistics. */
#include "totals.h"

#include "arguments/combine.h"
#include "size.h"
#include "status.h"

enum { COMBINE_LOCAL = 64 }; /* most work-items that share a component in common/combine.cl */

static uint32_t product_stride(const fg_shape *s)
{
    return s->row_stride * (s->is_diag_s2 ? 2 : 1);
}

uint64_t fg_partial_sums_bytes(const fg_shape *s, uint32_t ranges, uint32_t splits)
{
    const uint64_t floats = (uint64_t)ranges * 2 + (uint64_t)splits * product_stride(s);
    return s->padded_k * (sizeof(float) * floats + sizeof(double));
}

fgmm_status fg_partial_sums_create(fg_partial_sums *sums, fgmm_device *device, const fg_shape *s, uint32_t ranges,
                                   uint32_t splits)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, (uint64_t)ranges * 2, s->padded_k, sizeof(float), "range sums"));
    FG_TRY(fg_buffer_create(&sums->weights, device, bytes, FG_BUFFER_DEVICE, "range sums"));
    FG_TRY(fg_size_product3(&bytes, (uint64_t)splits * s->padded_k, product_stride(s), sizeof(float), "products"));
    FG_TRY(fg_buffer_create(&sums->products, device, bytes, FG_BUFFER_DEVICE, "products"));
    FG_TRY(fg_buffer_create(&sums->total_weights, device, sizeof(double) * s->padded_k, FG_BUFFER_DEVICE,
                            "range weights"));
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
                 local = items < COMBINE_LOCAL ? items : COMBINE_LOCAL;
    const size_t elements[2] = {(size_t)s->k * local, (size_t)fg_ceil_div(items, local)};
    const size_t group[2] = {local, 1};
    FG_TRY(FG_LAUNCH(in->device, sums->combine_weights, weights, 1, &components, &width));
    FG_TRY(launch_combine(in->device, sums->combine, &products, 2, elements, group));
done:
    return status;
}
