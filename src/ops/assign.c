/* assign.c - enqueues cl/scan_*.cl and cl/assign.cl: rows against all centroids. */
#include "assign.h"

#include "scan.h"
#include "size.h"

#include <stdlib.h>

/* Rows at a time: their distances to all centroids are on the device, and stay in a cache where they can. */
enum { DISTANCE_FLOATS = 1 << 22, ROWS_MAX = 1 << 14 };

struct fg_assign {
    fgmm_device *device;
    const fg_store *centroids;
    fg_scan *scan;
    uint32_t k, stride, most; /* stride: k rounded up to 16; most: rows at a time */
    fg_buffer *between, *first, *second, *ratio;
    cl_kernel kernel;
};

fgmm_status fg_centroid_store(fg_store **store, fgmm_device *device, const float *centroids, uint64_t k, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    int64_t *ids = NULL;
    *store = NULL;
    FG_TRY(FG_ALLOC(&ids, k, "centroids"));
    for (uint64_t i = 0; i < k; i++) ids[i] = (int64_t)i;
    FG_TRY(fg_store_create(store, device, FGMM_F32, d, &k, 1));
    FG_CHECK((*store)->segment_count == 1, FGMM_MEMORY,
             "centroids: K = %llu, D = %llu take more than the device allocates at once", (unsigned long long)k,
             (unsigned long long)d);
    FG_TRY(fg_store_write(*store, 0, 0, k, centroids, ids));
done:
    free(ids);
    if (status != FGMM_OK) {
        fg_store_free(*store);
        *store = NULL;
    }
    return status;
}

fgmm_status fg_centroid_distances(float **between, const float *centroids, uint64_t k, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    size_t count;
    *between = NULL;
    FG_TRY(fg_size_product(&count, k, k, "distances of centroids"));
    FG_TRY(FG_ALLOC(between, count, "distances of centroids"));
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < i; j++) {
            double sum = 0;
            for (size_t c = 0; c < d; c++) {
                const double t = (double)centroids[i * d + c] - (double)centroids[j * d + c];
                sum += t * t;
            }
            (*between)[i * k + j] = (*between)[j * k + i] = (float)sum;
        }
done:
    return status;
}

/* between (k,k) to the device in rows of `stride`. */
static fgmm_status upload_between(fg_assign *a, const float *between)
{
    fgmm_status status = FGMM_OK;
    float *padded = NULL;
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, a->k, a->stride, sizeof(float), "distances of centroids"));
    FG_TRY(FG_ALLOC(&padded, bytes / sizeof(float), "distances of centroids"));
    for (size_t i = 0; i < a->k; i++)
        for (size_t j = 0; j < a->k; j++) padded[i * a->stride + j] = between[i * a->k + j];
    FG_TRY(fg_buffer_create(&a->between, a->device, bytes, FG_BUFFER_DEVICE, "distances of centroids"));
    FG_TRY(fg_buffer_write(a->between, 0, padded, bytes));
done:
    free(padded);
    return status;
}

fgmm_status fg_assign_create(fg_assign **assign, fgmm_device *device, const fg_store *centroids, const float *between)
{
    static const char *const files[] = {"assign.cl", NULL};
    fgmm_status status = FGMM_OK;
    fg_assign *a = NULL;
    const fg_scan_options options = {.type = FGMM_F32, .d = centroids->d};
    *assign = NULL;
    FG_TRY(FG_ALLOC(&a, 1, "assignment"));
    a->device = device;
    a->centroids = centroids;
    a->k = (uint32_t)centroids->lengths[0];
    a->stride = (uint32_t)fg_round_up(a->k, FG_BLOCK_ROWS);
    a->most = (uint32_t)fg_max_u64(1, fg_min_u64(ROWS_MAX, DISTANCE_FLOATS / a->stride));
    FG_TRY(fg_scan_create(&a->scan, device, &options));
    FG_TRY(fg_kernel_get(&a->kernel, device, files, "", "assign"));
    FG_TRY(upload_between(a, between));
    FG_TRY(fg_buffer_create(&a->first, device, a->most * sizeof(cl_uint), FG_BUFFER_DEVICE, "assignments"));
    FG_TRY(fg_buffer_create(&a->second, device, a->most * sizeof(cl_uint), FG_BUFFER_DEVICE, "assignments"));
    FG_TRY(fg_buffer_create(&a->ratio, device, a->most * sizeof(float), FG_BUFFER_DEVICE, "assignments"));
    *assign = a;
    a = NULL;
done:
    fg_assign_free(a);
    return status;
}

void fg_assign_free(fg_assign *a)
{
    if (!a) return;
    fg_scan_free(a->scan);
    fg_buffer_free(a->between);
    fg_buffer_free(a->first);
    fg_buffer_free(a->second);
    fg_buffer_free(a->ratio);
    free(a);
}

fgmm_status fg_assign_run(fg_assign *a, const float *rows, uint64_t n, uint32_t *first, uint32_t *second, float *ratio)
{
    fgmm_status status = FGMM_OK;
    const size_t local = 1;
    for (uint64_t at = 0; at < n;) {
        const size_t part = (size_t)fg_min_u64(a->most, n - at);
        const fg_buffer *distances;
        FG_TRY(fg_scan_distances(&distances, a->scan, a->centroids, rows + at * a->centroids->d, part));
        const fg_argument arguments[] = {FG_ARG_BUFFER(distances), FG_ARG_BUFFER(a->between), FG_ARG_VALUE(a->stride),
                                         FG_ARG_VALUE(a->k),       FG_ARG_BUFFER(a->first),   FG_ARG_BUFFER(a->second),
                                         FG_ARG_BUFFER(a->ratio)};
        FG_TRY(fg_kernel_launch(a->device, a->kernel, arguments, sizeof arguments / sizeof arguments[0], 1, &part,
                                &local));
        FG_TRY(fg_buffer_read(a->first, 0, first + at, part * sizeof *first));
        FG_TRY(fg_buffer_read(a->second, 0, second + at, part * sizeof *second));
        FG_TRY(fg_buffer_read(a->ratio, 0, ratio + at, part * sizeof *ratio));
        at += part;
    }
done:
    return status;
}
