/* blas.c - matrix products by CLBlast. Its calls enqueue several kernels of its own (copies into padded matrices, the
 * product) and return an event of the last one only, so handles that time their launches measure the whole call. */
#include "blas.h"

#include "handle.h"

#include "thread.h"

#ifdef FG_HAS_CLBLAST

#include <clblast_c.h>

int fg_blas_is_built(void)
{
    return 1;
}

static CLBlastTranspose transpose_of(const fg_blas_matrix *matrix)
{
    return matrix->is_transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static CLBlastStatusCode call(fgmm_device *device, const fg_blas_product *p)
{
    const cl_mem a = fg_buffer_memory(p->a.buffer), b = fg_buffer_memory(p->b.buffer),
                 c = fg_buffer_memory(p->c.buffer);
    return p->count == 1 ? CLBlastSgemm(CLBlastLayoutRowMajor, transpose_of(&p->a), transpose_of(&p->b), p->m, p->n,
                                        p->k, 1, a, p->a.first, p->a.pitch, b, p->b.first, p->b.pitch, 0, c, p->c.first,
                                        p->c.pitch, &device->queue, NULL)
                         : CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, transpose_of(&p->a), transpose_of(&p->b),
                                                      p->m, p->n, p->k, 1, a, p->a.first, p->a.pitch, p->a.stride, b,
                                                      p->b.first, p->b.pitch, p->b.stride, 0, c, p->c.first, p->c.pitch,
                                                      p->c.stride, p->count, &device->queue, NULL);
}

static CLBlastStatusCode enqueue(fgmm_device *device, const fg_blas_product *product)
{
    fg_driver_visit visit;
    fg_driver_calm(&visit);
    const CLBlastStatusCode code = call(device, product);
    fg_driver_restore(&visit);
    return code;
}

/* A call that is waited for before and after: its seconds. */
static fgmm_status enqueue_measured(fgmm_device *device, const fg_blas_product *product, CLBlastStatusCode *code,
                                    double *seconds)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_finish(device));
    const double began_s = fg_now_s();
    *code = enqueue(device, product);
    FG_TRY(fg_device_finish(device));
    *seconds += fg_now_s() - began_s;
done:
    return status;
}

fgmm_status fg_blas_multiply(fgmm_device *device, const fg_blas_product *product)
{
    fgmm_status status = FGMM_OK;
    CLBlastStatusCode code = CLBlastSuccess;
    if (device->is_timed)
        FG_TRY(enqueue_measured(device, product, &code, &device->blas_s));
    else if (!device->has_used_blas)
        FG_TRY(enqueue_measured(device, product, &code, &device->compile_s));
    else
        code = enqueue(device, product);
    device->has_used_blas = 1;
    FG_CHECK(code == CLBlastSuccess, FGMM_DEVICE,
             "%s: CLBlast gave status %d for a product of %zu x %zu x %zu (%zu of them)", device->info.name, (int)code,
             product->m, product->n, product->k, product->count);
done:
    return status;
}

void fg_blas_close(fgmm_device *device)
{
    if (device->has_used_blas) CLBlastClearCache();
}

#else

int fg_blas_is_built(void)
{
    return 0;
}

fgmm_status fg_blas_multiply(fgmm_device *device, const fg_blas_product *product)
{
    (void)product;
    return fg_fail(FGMM_UNSUPPORTED, "%s: this library was built without CLBlast", device->info.name);
}

void fg_blas_close(fgmm_device *device)
{
    (void)device;
}

#endif
