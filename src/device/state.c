/* state.c - what is known of an open device, in which process it may be used, and waiting for its queue. The other
 * files of this folder stand on it. */
#include "handle.h"

#include "file.h"
#include "size.h"
#include "thread.h"

#include <string.h>

enum { MOST_SILENT_S = 600 }; /* of a check program */

const char *fgmm_backend_name(fgmm_backend backend)
{
    static const char *const names[] = {"auto", "vector", "group", "matrix"};
    return (size_t)backend < sizeof names / sizeof names[0] ? names[backend] : "unknown";
}

fgmm_status fgmm_device_describe(const fgmm_device *device, fgmm_device_info *info)
{
    fgmm_status status = FGMM_OK;
    if (!device || !info) return fg_fail(FGMM_ARGUMENT, "%s is NULL", device ? "info" : "device");
    const size_t size = info->size;
    FG_CHECK(size >= sizeof size, FGMM_ARGUMENT, "info.size = %zu; need sizeof(fgmm_device_info) = %zu", size,
             sizeof *info);
    memcpy(info, &device->info, fg_min_u64(size, sizeof *info));
    info->size = size;
done:
    return status;
}

uint64_t fgmm_device_bytes(const fgmm_device *device)
{
    return device ? device->bytes : 0;
}

uint64_t fgmm_device_peak_bytes(const fgmm_device *device)
{
    return device ? device->peak_bytes : 0;
}

double fgmm_device_compile_s(const fgmm_device *device)
{
    return device ? device->compile_s : 0;
}

const fg_device_facts *fg_device_facts_of(const fgmm_device *device)
{
    return &device->facts;
}

fgmm_backend fg_device_backend(const fgmm_device *device)
{
    if (device->info.backend != FGMM_BACKEND_MATRIX_UNIT) return device->info.backend;
    return device->facts.kind == FGMM_DEVICE_CPU ? FGMM_BACKEND_CPU_SIMD : FGMM_BACKEND_GPU_WORKGROUP;
}

fg_matrix_unit fg_device_unit(const fgmm_device *device)
{
    if (device->info.backend != FGMM_BACKEND_MATRIX_UNIT) return FG_UNIT_NONE;
    return device->facts.matrix_unit == FG_UNIT_NONE ? FG_UNIT_PLAIN : device->facts.matrix_unit;
}

int fg_device_is_backend_forced(const fgmm_device *device)
{
    return device->is_backend_forced;
}

fgmm_path fg_device_path(const fgmm_device *device)
{
    return device->path;
}

fgmm_blas fg_device_blas(const fgmm_device *device)
{
    return device->blas;
}

uint64_t fg_device_bytes_left(const fgmm_device *device)
{
    return device->memory_limit > device->bytes ? device->memory_limit - device->bytes : 0;
}

const char *fg_device_cache_folder(const fgmm_device *device)
{
    return device->cache_folder;
}

void fg_device_log(void *device, const char *line)
{
    const fgmm_device *handle = device;
    if (handle->log) handle->log(handle->log_user, line);
}

void fg_device_check_for_another(fgmm_device *device)
{
    device->is_check_program = 1;
}

double fg_device_check_silence_s(const fgmm_device *device)
{
    return device->check_silence_s > 0 ? device->check_silence_s : MOST_SILENT_S;
}

void fg_device_set_check_silence_s(fgmm_device *device, double seconds)
{
    device->check_silence_s = seconds;
}

int fg_device_compiles_at_launch(const fgmm_device *device)
{
    return device->is_compiling_at_launch;
}

void fg_device_log_once(fgmm_device *device, const char *line)
{
    const uint64_t hash = fg_hash(FG_HASH_BEGIN, line, strlen(line));
    for (size_t i = 0; i < FG_LOGGED; i++)
        if (device->logged[i] == hash) return;
    device->logged[device->next_logged++ % FG_LOGGED] = hash;
    fg_device_log(device, line);
}

void fg_device_record_compiling(fgmm_device *device, double seconds)
{
    device->compile_s += seconds;
}

void *fg_device_companion(const fgmm_device *device)
{
    return device->companion;
}

void fg_device_set_companion(fgmm_device *device, void *companion, void (*release)(void *companion))
{
    if (device->companion) device->release_companion(device->companion);
    device->companion = companion;
    device->release_companion = release;
}

int fg_device_is_mine(const fgmm_device *device)
{
    return device->process_id == fg_process_id();
}

fgmm_status fg_device_check(const fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device, FGMM_ARGUMENT, "device = NULL; need an open device");
    FG_CHECK(fg_device_is_mine(device), FGMM_DEVICE,
             "%s: opened by process %ld, used by its child %ld; OpenCL does not survive fork(): fork first, or exec",
             device->info.name, device->process_id, fg_process_id());
done:
    return status;
}

/* ---- the queue ---- */

double fg_device_launch_work(const fgmm_device *device)
{
    /* a CPU's core makes some 1e11 a second, a small GPU 1e12 */
    static const double cpu_work = 0x1p33, gpu_work = 0x1p36;
    if (device->launch_work > 0) return device->launch_work;
    return device->facts.kind == FGMM_DEVICE_CPU ? cpu_work : gpu_work;
}

void fg_device_set_launch_work(fgmm_device *device, double work)
{
    device->launch_work = work;
}

uint64_t fg_device_launches(const fgmm_device *device)
{
    return device->launches;
}

fgmm_status fg_device_finish(fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_check(device));
    FG_CL_WAIT(clFinish(device->queue), FGMM_DEVICE, "clFinish", "%s", device->info.name);
done:
    return status;
}

void fg_device_spoil(fgmm_device *device, fgmm_backend backend)
{
    device->spoiled = backend;
}

int fg_device_is_spoiled(const fgmm_device *device)
{
    return device->spoiled != FGMM_BACKEND_AUTO && device->spoiled == device->info.backend;
}

void fg_device_poison_buffers(fgmm_device *device)
{
    device->is_poisoning = 1;
}

void fg_device_fail_launch(fgmm_device *device, uint64_t count)
{
    device->fail_launch = count;
}
