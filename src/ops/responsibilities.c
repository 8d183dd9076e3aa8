/* responsibilities.c - a batch's log-normalisers and lists: the buffers for them, what rows need before, and the
 * launch, which is the backend's. */
#include "parts.h"

#include "size.h"
#include "status.h"

uint64_t fg_responsibilities_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    const uint64_t lists = (uint64_t)s->batch_rows * (sizeof(float) + sizeof(cl_uint)) * (1 + s->capacity);
    return lists + s->backend->sparse->scratch_floats(pass) * sizeof(float);
}

fgmm_status fg_responsibilities_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_lists *lists = &pass->lists;
    const fg_shape *s = &pass->shape;
    size_t bytes;
    FG_TRY(fg_buffer_create(&lists->logz, pass->device, sizeof(float) * s->batch_rows, FG_BUFFER_DEVICE,
                            "log-normalisers"));
    FG_TRY(fg_buffer_poison(lists->logz)); /* rows that a driver leaves out are seen in the sum */
    FG_TRY(fg_buffer_create(&lists->counts, pass->device, sizeof(cl_uint) * s->batch_rows, FG_BUFFER_DEVICE,
                            "list lengths"));
    FG_TRY(fg_size_product3(&bytes, s->batch_rows, s->capacity, sizeof(float), "lists"));
    FG_TRY(fg_buffer_create(&lists->components, pass->device, bytes, FG_BUFFER_DEVICE, "lists"));
    FG_TRY(fg_buffer_create(&lists->values, pass->device, bytes, FG_BUFFER_DEVICE, "lists"));
    const uint64_t scratch = s->backend->sparse->scratch_floats(pass);
    if (scratch > 0) {
        FG_TRY(fg_size_product(&bytes, scratch, sizeof(float), "scratch"));
        FG_TRY(fg_buffer_create(&lists->scratch, pass->device, bytes, FG_BUFFER_DEVICE, "scratch"));
    }
done:
    return status;
}

static fgmm_status get_kernel(fg_pass *pass)
{
    const int is_white = pass->shape.covariance == FGMM_TIED;
    if (pass->packed.pruning.is_used)
        return fg_program_kernel_once(&pass->pruned, pass->device, &pass->shape, FG_PROGRAM_PRUNED, "responsibilities");
    return fg_program_kernel_once(&pass->responsibilities, pass->device, &pass->shape,
                                  is_white ? FG_PROGRAM_WHITE : FG_PROGRAM_SPARSE, "responsibilities");
}

fgmm_status fg_responsibilities_run(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_sparse_launches *sparse = pass->shape.backend->sparse;
    cl_ulong first = rows->offset_bytes / fgmm_type_bytes(pass->shape.type);
    const fg_buffer *shift = pass->packed.shift;
    fg_rows white;
    FG_TRY(get_kernel(pass));
    if (pass->shape.covariance == FGMM_TIED) {
        FG_TRY(fg_whitening_run(pass, rows, &white));
        rows = &white;
        first = 0;
        shift = pass->whitening.no_shift;
    }
    if (pass->whitening.densities) {
        FG_TRY(fg_whitening_densify(pass, rows));
        first = 0; /* the kernel sees row numbers only */
    }
    FG_TRY(pass->packed.pruning.is_used ? sparse->run_pruned(pass, rows, first)
                                        : sparse->run(pass, rows, first, shift));
done:
    return status;
}
