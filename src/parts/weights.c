/* weights.c - enqueues cl/common/row_weights.cl: what rows add to the sums, times their weights. Its program is made
 * when the first batch with weights comes. */
#include "sparse.h"

#include "size.h"
#include "status.h"

enum { ITEMS = 64 }; /* of a work-group, which have a row each */

static fgmm_status get_kernel(cl_kernel *kernel, fgmm_device *device, const char *name)
{
    return *kernel ? FGMM_OK : fg_kernel_get(kernel, device, "common/row_weights.cl", "", name);
}

fgmm_status fg_weigh_nonzeros(fg_weighing *weighing, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const cl_uint n = (cl_uint)in->rows->n;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(in->shape->capacity),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_BUFFER(sparse->counts),
        FG_ARG_BUFFER(sparse->values),
    };
    const size_t local = ITEMS, global = (size_t)fg_round_up(n, ITEMS);
    if (!in->rows->weights) return FGMM_OK;
    FG_TRY(get_kernel(&weighing->nonzeros, in->device, "weigh_nonzeros"));
    FG_TRY(FG_LAUNCH(in->device, weighing->nonzeros, arguments, 1, &global, &local));
done:
    return status;
}

fgmm_status fg_weigh_rows(fg_weighing *weighing, const fg_inputs *in, const fg_buffer *logz)
{
    fgmm_status status = FGMM_OK;
    const cl_uint n = (cl_uint)in->rows->n;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_BUFFER(logz),
    };
    const size_t local = ITEMS, global = (size_t)fg_round_up(n, ITEMS);
    if (!in->rows->weights) return FGMM_OK;
    FG_TRY(get_kernel(&weighing->rows, in->device, "weigh_rows"));
    FG_TRY(FG_LAUNCH(in->device, weighing->rows, arguments, 1, &global, &local));
done:
    return status;
}
