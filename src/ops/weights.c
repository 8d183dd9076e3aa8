/* weights.c - enqueues cl/common/row_weights.cl: what rows add to the sums, times their weights. Its program is made
 * when the first batch with weights comes. */
#include "parts.h"

#include "size.h"
#include "status.h"

enum { LOCAL = 64 };

static fgmm_status get_kernel(cl_kernel *kernel, const fg_pass *pass, const char *name)
{
    return *kernel ? FGMM_OK : fg_kernel_get(kernel, pass->device, "common/row_weights.cl", "", name);
}

fgmm_status fg_weights_scale_entries(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const cl_uint n = (cl_uint)rows->n;
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(pass->shape.capacity),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_BUFFER(pass->lists.counts),
        FG_ARG_BUFFER(pass->lists.values),
    };
    const size_t local = LOCAL, global = (size_t)fg_round_up(n, LOCAL);
    if (!rows->weights) return FGMM_OK;
    FG_TRY(get_kernel(&pass->weigh_entries, pass, "weigh_entries"));
    FG_TRY(FG_LAUNCH(pass, pass->weigh_entries, arguments, 1, &global, &local));
done:
    return status;
}

fgmm_status fg_weights_scale_rows(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const cl_uint n = (cl_uint)rows->n;
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_BUFFER(pass->lists.logz),
    };
    const size_t local = LOCAL, global = (size_t)fg_round_up(n, LOCAL);
    if (!rows->weights) return FGMM_OK;
    FG_TRY(get_kernel(&pass->weigh_rows, pass, "weigh_rows"));
    FG_TRY(FG_LAUNCH(pass, pass->weigh_rows, arguments, 1, &global, &local));
done:
    return status;
}
