/* sparse.c - sparse responsibilities of a batch: the buffers for them, and the launch, which is the backend's. */
#include "sparse.h"

#include "buffers.h"
#include "status.h"

static uint64_t row_bytes(const fg_shape *s)
{
    return sizeof(float) * s->batch_rows; /* as many of a cl_uint */
}

static uint64_t list_bytes(const fg_shape *s)
{
    return sizeof(float) * s->batch_rows * (uint64_t)s->capacity;
}

static uint64_t scratch_bytes(const fg_shape *s)
{
    return sizeof(float) * s->backend->sparse->scratch_floats(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_sparse, logz), "log-normalisers", row_bytes}, {offsetof(fg_sparse, counts), "nonzeros", row_bytes},
    {offsetof(fg_sparse, components), "nonzeros", list_bytes}, {offsetof(fg_sparse, values), "nonzeros", list_bytes},
    {offsetof(fg_sparse, scratch), "scratch", scratch_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_sparse_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s);
}

fgmm_status fg_sparse_create(fg_sparse *sparse, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_buffers_create(sparse, &buffers, device, s));
    FG_TRY(fg_buffer_poison(sparse->logz)); /* rows that a driver leaves out are seen in the sum */
done:
    return status;
}

void fg_sparse_free(fg_sparse *sparse)
{
    fg_buffers_free(sparse, &buffers);
}

fgmm_status fg_sparse_run(fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts, float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_sparse_launches *launches = s->backend->sparse;
    const fg_program plain = fg_density_of(s->covariance)->whitens_rows ? FG_PROGRAM_WHITE : FG_PROGRAM_SPARSE;
    const int is_pruned = in->parameters->pruning.is_used;
    FG_TRY(fg_program_kernel_once(is_pruned ? &sparse->pruned : &sparse->plain, in->device, s,
                                  is_pruned ? FG_PROGRAM_PRUNED : plain, "responsibilities"));
    FG_TRY((is_pruned ? launches->run_pruned : launches->run)(sparse, in, column_counts, cutoff));
done:
    return status;
}
