/* test_device.c - opening, listing, buffers within a budget, launches, errors as text, compiled programs on disk, what
 * an application lends. */
#define _POSIX_C_SOURCE 200809L
#include "blas.h"
#include "support.h"

#include "file.h"
#include "flashgmm/opencl.h"
#include "handle.h"
#include "source.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static fgmm_device *device;

static void setup(void)
{
    fgmm_device_options options = fgmm_device_options_init();
    options.cache_dir = "";
    ck_ok(fgmm_device_open(&device, &options));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

static const char twice_source[] = "#line 1 \"twice.cl\"\n"
                                   "kernel void twice(global const float *in, global float *out, local float *l,\n"
                                   "                  const float scale)\n"
                                   "{\n"
                                   "    const size_t i = get_global_id(0);\n"
                                   "    l[get_local_id(0)] = in[i];\n"
                                   "    barrier(CLK_LOCAL_MEM_FENCE);\n"
                                   "    out[i] = scale * l[get_local_id(0)];\n"
                                   "}\n";

START_TEST(test_device__describes_what_it_lists)
{
    fgmm_device_info info = fgmm_device_info_init(), infos[8];
    size_t count, defaults = 0;
    for (int i = 0; i < 8; i++) infos[i].size = sizeof infos[i];
    ck_ok(fgmm_device_describe(device, &info));
    ck_ok(fgmm_devices_list(infos, 8, &count));
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count && i < 8; i++) {
        ck_assert_uint_eq(infos[i].index, i);
        ck_assert_uint_gt(strlen(infos[i].name), 0);
        ck_assert_uint_gt(strlen(infos[i].reason), 0);
        defaults += infos[i].is_default != 0;
        if (infos[i].is_default) ck_assert_str_eq(infos[i].name, info.name);
    }
    ck_assert_uint_eq(defaults, 1);
    ck_assert_uint_gt(info.max_alloc_bytes, 0);
    ck_assert_int_eq(info.backend == FGMM_BACKEND_MATRIX_UNIT, fg_device_unit(device) != FG_UNIT_NONE);
    ck_backend_eq(fg_device_backend(device),
                  info.kind == FGMM_DEVICE_CPU ? FGMM_BACKEND_CPU_SIMD : FGMM_BACKEND_GPU_WORKGROUP);
    const uint32_t width = fg_device_facts_of(device)->vector_width;
    ck_assert(width == 4 || width == 8 || width == 16);
}
END_TEST

START_TEST(test_buffer__round_trip)
{
    enum { COUNT = 1000 };
    fg_buffer *buffer;
    float values[COUNT], back[COUNT];
    void *mapped;
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    ck_ok(fg_buffer_create(&buffer, device, sizeof values, FG_BUFFER_DEVICE, "rows"));
    ck_assert_uint_eq(fg_buffer_bytes(buffer), sizeof values);
    ck_assert_uint_eq(fgmm_device_bytes(device), sizeof values);
    ck_ok(fg_buffer_map(buffer, &mapped));
    memcpy(mapped, values, sizeof values);
    ck_ok(fg_buffer_unmap(buffer, mapped));
    ck_ok(fg_buffer_zero(buffer, 400, sizeof values - 400));
    ck_ok(fg_buffer_write(buffer, 800, values, 40));
    ck_ok(fg_buffer_read(buffer, 0, back, sizeof back));
    for (int i = 0; i < COUNT; i++)
        ck_assert(back[i] == (i < 100 ? (float)i : i >= 200 && i < 210 ? (float)(i - 200) : 0.0f));
    ck_fails(fg_buffer_read(buffer, 1, back, sizeof back), FGMM_INTERNAL, "rows");
    fg_buffer_free(buffer);
    fg_buffer_free(NULL);
    ck_assert_uint_eq(fgmm_device_bytes(device), 0);
    ck_assert_uint_eq(fgmm_device_peak_bytes(device), sizeof values);
}
END_TEST

/* Batches through one upload into one buffer, each read back by the main queue before the next may overwrite it. A
 * batch that is begun and given up in between changes nothing but what the buffer holds. */
static void check_uploads(void)
{
    enum { COUNT = 1 << 20, BATCHES = 4 };
    const size_t bytes = COUNT * sizeof(uint32_t);
    uint32_t *back = malloc(bytes);
    void *memory;
    fg_buffer *buffer;
    fg_upload *upload;
    ck_ok(fg_upload_create(&upload, device, bytes));
    ck_ok(fg_buffer_create(&buffer, device, bytes, FG_BUFFER_DEVICE, "rows"));
    for (uint32_t batch = 0; batch < BATCHES; batch++) {
        ck_ok(fg_upload_begin(upload, buffer, &memory));
        for (uint32_t i = 0; i < COUNT; i++) ((uint32_t *)memory)[i] = batch + i;
        ck_ok(fg_upload_send(upload, 0, bytes / 2));
        ck_ok(fg_upload_send(upload, bytes / 2, bytes - bytes / 2));
        ck_ok(fg_upload_end(upload));
        ck_ok(fg_upload_use(upload));
        ck_ok(fg_buffer_read(buffer, 0, back, bytes));
        ck_ok(fg_upload_release(upload));
        for (uint32_t i = 0; i < COUNT; i++)
            if (back[i] != batch + i) ck_abort_msg("batch %u, element %u: %u", batch, i, back[i]);
        ck_ok(fg_upload_begin(upload, buffer, &memory));
        ck_ok(fg_upload_end(upload));
    }
    ck_ok(fg_upload_begin(upload, buffer, &memory));
    ck_fails(fg_upload_send(upload, bytes / 2, bytes), FGMM_INTERNAL, "upload");
    fg_upload_free(upload);
    fg_upload_free(NULL);
    fg_buffer_free(buffer);
    free(back);
}

START_TEST(test_upload__orders_both_queues)
{
    const int has_unified_memory = device->facts.has_unified_memory;
    for (device->facts.has_unified_memory = 0; device->facts.has_unified_memory <= has_unified_memory;
         device->facts.has_unified_memory++)
        check_uploads();
    device->facts.has_unified_memory = has_unified_memory;
}
END_TEST

/* Doubles 64 numbers. */
static fgmm_status run_twice(cl_kernel kernel, float *out)
{
    enum { COUNT = 64 };
    const size_t global[] = {COUNT}, local[] = {16};
    const float scale = 2;
    float values[COUNT];
    fg_buffer *in, *result;
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    ck_ok(fg_buffer_create(&in, device, sizeof values, FG_BUFFER_DEVICE, "in"));
    ck_ok(fg_buffer_create(&result, device, sizeof values, FG_BUFFER_DEVICE, "out"));
    ck_ok(fg_buffer_write(in, 0, values, sizeof values));
    const fg_argument arguments[] = {FG_ARG_BUFFER(in), FG_ARG_BUFFER(result), FG_ARG_LOCAL(16 * sizeof(float)),
                                     FG_ARG_VALUE(scale)};
    const fgmm_status status = fg_kernel_launch(device, kernel, arguments, 4, 1, global, local);
    if (status == FGMM_OK) {
        ck_ok(fg_device_finish(device));
        ck_ok(fg_buffer_read(result, 0, out, sizeof values));
    }
    fg_buffer_free(result);
    fg_buffer_free(in);
    return status;
}

START_TEST(test_kernel__runs)
{
    cl_kernel kernel, again;
    float out[64];
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "twice"));
    ck_ok(fg_kernel_from_source(&again, device, "twice.cl", twice_source, "", "twice"));
    ck_assert_ptr_eq(kernel, again);
    ck_ok(run_twice(kernel, out));
    for (int i = 0; i < 64; i++) ck_assert(out[i] == 2.0f * (float)i);
}
END_TEST

START_TEST(test_kernel__error_names_file_and_line)
{
    static const char broken[] = "#line 1 \"broken.cl\"\n\nkernel void f(global float *x) { x[0] = missing_name; }\n";
    cl_kernel kernel;
    ck_fails(fg_kernel_from_source(&kernel, device, "broken.cl", broken, "-DA=1", "f"), FGMM_COMPILE, "broken.cl:2");
    ck_assert_ptr_null(kernel);
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "-DA=1"));
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "missing_name"));
    ck_fails(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "thrice"), FGMM_COMPILE, "thrice");
    ck_fails(fg_kernel_get(&kernel, device, "no_such_file.cl", "", "f"), FGMM_INTERNAL, "no_such_file.cl");
}
END_TEST

START_TEST(test_kernel__launch_errors_name_the_kernel)
{
    cl_kernel kernel;
    float out[64];
    const size_t one[] = {1};
    const fg_argument wrong[] = {FG_ARG_VALUE(out[0])};
    const fg_buffer *forgotten = NULL;
    const fg_argument none[] = {FG_ARG_BUFFER(forgotten)};
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "twice"));
    fg_device_fail_launch(device, 2);
    ck_ok(run_twice(kernel, out));
    ck_assert_int_eq(run_twice(kernel, out), FGMM_DEVICE);
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "twice"));
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "CL_OUT_OF_RESOURCES"));
    ck_ok(run_twice(kernel, out));
    ck_fails(fg_kernel_launch(device, kernel, wrong, 1, 1, one, one), FGMM_DEVICE, "twice, argument 0 of 1 (out[0])");
    ck_fails(fg_kernel_launch(device, kernel, none, 1, 1, one, one), FGMM_DEVICE,
             "twice, argument 0 of 1 (forgotten): no buffer");
}
END_TEST

START_TEST(test_buffer__limits_are_named)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device *small;
    fg_buffer *first, *second;
    options.cache_dir = "";
    options.memory_limit_bytes = 1000;
    ck_ok(fgmm_device_open(&small, &options));
    ck_ok(fg_buffer_create(&first, small, 600, FG_BUFFER_DEVICE, "means"));
    ck_assert_uint_eq(fg_device_bytes_left(small), 400);
    ck_fails(fg_buffer_create(&second, small, 401, FG_BUFFER_DEVICE, "statistics"), FGMM_MEMORY,
             "statistics: 401 bytes; 400 of the device memory limit of 1000 bytes are left");
    ck_assert_ptr_null(second);
    fg_buffer_free(first);
    ck_ok(fg_buffer_create(&second, small, 0, FG_BUFFER_DEVICE, "empty"));
    fg_buffer_free(second);
    fgmm_device_close(small);

    const uint64_t most = fg_device_facts_of(device)->max_alloc_bytes;
    ck_fails(fg_buffer_create(&first, device, most + 1, FG_BUFFER_DEVICE, "rows"), FGMM_MEMORY,
             "CL_DEVICE_MAX_MEM_ALLOC_SIZE");
}
END_TEST

START_TEST(test_device__is_refused_after_fork)
{
    cl_kernel kernel;
    fg_buffer *buffer;
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "twice"));
    ck_ok(fg_buffer_create(&buffer, device, 100, FG_BUFFER_DEVICE, "rows"));
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        fg_buffer *other;
        const int is_refused = fg_device_check(device) == FGMM_DEVICE && strstr(fgmm_last_error(), "fork") &&
                               fg_device_finish(device) == FGMM_DEVICE &&
                               fg_buffer_create(&other, device, 8, FG_BUFFER_DEVICE, "x") == FGMM_DEVICE;
        fg_buffer_free(buffer);
        fgmm_device_close(device);
        _exit(is_refused ? 0 : 1);
    }
    int result;
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert(WIFEXITED(result));
    ck_assert_int_eq(WEXITSTATUS(result), 0);
    ck_ok(fg_device_check(device));
    fg_buffer_free(buffer);
}
END_TEST

/* ---- opening: no fixture ---- */

START_TEST(test_device__matches_index_and_part_of_the_name)
{
    fgmm_device_info first = fgmm_device_info_init(), info = fgmm_device_info_init();
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device *opened;
    size_t count;
    char part[sizeof first.platform + sizeof first.name];
    ck_ok(fgmm_devices_list(&first, 1, &count));
    snprintf(part, sizeof part, "%s %s", first.platform, first.name);
    for (char *letter = part; *letter; letter++)
        if (*letter >= 'a' && *letter <= 'z') *letter += 'A' - 'a';
    options.cache_dir = "";
    const char *const matches[] = {"0", part};
    for (int i = 0; i < 2; i++) {
        options.match = matches[i];
        ck_ok(fgmm_device_open(&opened, &options));
        ck_ok(fgmm_device_describe(opened, &info));
        ck_assert_str_eq(info.name, first.name);
        fgmm_device_close(opened);
    }
    options.match = "no such device";
    ck_fails(fgmm_device_open(&opened, &options), FGMM_NO_DEVICE, "\"no such device\"");
    ck_assert_ptr_null(opened);
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), first.name));
    options.match = "99";
    ck_fails(fgmm_device_open(&opened, &options), FGMM_NO_DEVICE, "device = 99; need 0..");
}
END_TEST

START_TEST(test_device__options_are_checked)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device_info info = {.size = 0};
    fgmm_device *opened;
    size_t count;
    options.cache_dir = "";
    options.size = 0;
    ck_fails(fgmm_device_open(&opened, &options), FGMM_ARGUMENT, "size = 0");
    ck_fails(fgmm_devices_list(&info, 1, &count), FGMM_ARGUMENT, "infos[0].size = 0");
    ck_fails(fgmm_device_open(NULL, NULL), FGMM_ARGUMENT, "device is NULL");
    ck_assert_uint_eq(fgmm_device_bytes(NULL), 0);
    fgmm_device_close(NULL);

    /* An older program's struct ends behind `match`: the rest has its defaults. */
    options = (fgmm_device_options){.size = offsetof(fgmm_device_options, cache_dir), .memory_limit_bytes = 1};
    ck_ok(fgmm_device_open(&opened, &options));
    ck_assert_uint_gt(fg_device_bytes_left(opened), 1);
    ck_ok(fgmm_devices_list(NULL, 0, &count));
    info.size = offsetof(fgmm_device_info, name);
    ck_ok(fgmm_device_describe(opened, &info));
    ck_assert_uint_eq(info.size, offsetof(fgmm_device_info, name));
    ck_assert_int_eq(info.name[0], 0);
    fgmm_device_close(opened);
}
END_TEST

START_TEST(test_device__forced_choices)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device_info before = fgmm_device_info_init(), after = fgmm_device_info_init();
    fgmm_device *opened;
    options.cache_dir = "";
    ck_ok(fgmm_device_open(&opened, &options));
    ck_ok(fgmm_device_describe(opened, &before));
    ck_ok(fgmm_device_force_backend(opened, FGMM_BACKEND_AUTO));
    ck_ok(fgmm_device_describe(opened, &after));
    ck_backend_eq(after.backend, before.backend);
    ck_assert(!fg_device_is_backend_forced(opened));

    ck_ok(fgmm_device_force_backend(opened, FGMM_BACKEND_GPU_WORKGROUP));
    ck_ok(fgmm_device_describe(opened, &after));
    ck_backend_eq(after.backend, FGMM_BACKEND_GPU_WORKGROUP);
    ck_assert_str_eq(after.reason, "group kernels, since they are forced");
    ck_backend_eq(fg_device_backend(opened), FGMM_BACKEND_GPU_WORKGROUP);
    ck_assert(fg_device_is_backend_forced(opened));
    ck_assert_str_eq(fgmm_backend_name(fg_device_backend(opened)), "group");
    ck_fails(fgmm_device_force_backend(opened, (fgmm_backend)9), FGMM_ARGUMENT, "backend = 9");
    ck_fails(fgmm_device_force_backend(NULL, FGMM_BACKEND_GPU_WORKGROUP), FGMM_ARGUMENT, "device is NULL");

    ck_assert_int_eq(fg_device_path(opened), FGMM_PATH_AUTO);
    ck_ok(fgmm_device_force_path(opened, FGMM_PATH_DENSE));
    ck_assert_int_eq(fg_device_path(opened), FGMM_PATH_DENSE);
    ck_fails(fgmm_device_force_path(opened, (fgmm_path)9), FGMM_ARGUMENT, "path = 9");
    ck_fails(fgmm_device_force_path(NULL, FGMM_PATH_DENSE), FGMM_ARGUMENT, "device is NULL");

    ck_assert_int_eq(fg_device_blas(opened), FGMM_BLAS_AUTO);
    if (fg_blas_is_built())
        ck_ok(fgmm_device_force_blas(opened, FGMM_BLAS_CLBLAST));
    else
        ck_fails(fgmm_device_force_blas(opened, FGMM_BLAS_CLBLAST), FGMM_UNSUPPORTED, "built without CLBlast");
    ck_ok(fgmm_device_force_blas(opened, FGMM_BLAS_OWN));
    ck_assert_int_eq(fg_device_blas(opened), FGMM_BLAS_OWN);
    ck_fails(fgmm_device_force_blas(opened, (fgmm_blas)3), FGMM_ARGUMENT, "blas = 3");
    ck_fails(fgmm_device_force_blas(NULL, FGMM_BLAS_OWN), FGMM_ARGUMENT, "device is NULL");
    fgmm_device_close(opened);
}
END_TEST

START_TEST(test_device__says_when_there_is_no_platform)
{
    fgmm_device *opened;
    size_t count = 7;
    setenv("OCL_ICD_VENDORS", "/nonexistent", 1);
    unsetenv("OCL_ICD_FILENAMES");
    ck_ok(fgmm_devices_list(NULL, 0, &count));
    ck_assert_uint_eq(count, 0);
    ck_fails(fgmm_device_open(&opened, NULL), FGMM_NO_DEVICE, "no OpenCL platform found; install a driver");
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "OCL_ICD_VENDORS (= \"/nonexistent\")"));
}
END_TEST

/* ---- compiled programs on disk ---- */

static void count_line(void *user, const char *line)
{
    ck_assert_ptr_nonnull(strstr(line, "compiling "));
    ++*(int *)user;
}

/* 1: binaries are kept in the folder, also of a driver that has a cache of its own. */
static int keeps_binaries;

/* Opens with a cache folder, runs a kernel, closes; returns how often the compiler was called. */
static int compilations(const char *folder, const char *options_of_kernel)
{
    fgmm_device_options options = fgmm_device_options_init();
    int count = 0;
    cl_kernel kernel;
    float out[64];
    options.cache_dir = folder;
    options.log = count_line;
    options.log_user = &count;
    ck_ok(fgmm_device_open(&device, &options));
    if (keeps_binaries) device->is_compiling_at_launch = 0;
    fg_fail(FGMM_DATA, "a text from before");
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, options_of_kernel, "twice"));
    ck_assert_str_eq(fgmm_last_error(), "a text from before");
    ck_ok(run_twice(kernel, out));
    for (int i = 0; i < 64; i++) ck_assert(out[i] == 2.0f * (float)i);
    fgmm_device_close(device);
    return count;
}

/* Paths of the files in a folder. */
static size_t list_folder(const char *folder, char paths[][512], size_t capacity)
{
    size_t count = 0;
    DIR *open_folder = opendir(folder);
    ck_assert_ptr_nonnull(open_folder);
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        if (entry->d_name[0] != '.' && count < capacity) snprintf(paths[count++], 512, "%s/%s", folder, entry->d_name);
    closedir(open_folder);
    return count;
}

static void overwrite(const char *path, const unsigned char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

START_TEST(test_cache__second_open_does_not_compile)
{
    char folder[512], paths[4][512];
    snprintf(folder, sizeof folder, "%s/deeper", temporary_path("cache"));
    ck_assert_int_eq(compilations(folder, ""), 1);
    ck_assert_uint_eq(list_folder(folder, paths, 4), 1);
    ck_assert_int_eq(compilations(folder, ""), 0);
    ck_assert_int_eq(compilations(folder, "-DOTHER"), 1);
    ck_assert_uint_eq(list_folder(folder, paths, 4), 2);
    ck_assert_int_eq(compilations("", ""), 1);
}
END_TEST

START_TEST(test_cache__damaged_file_is_rebuilt)
{
    char folder[512], paths[4][512];
    unsigned char *bytes, *other;
    size_t count, other_count;
    snprintf(folder, sizeof folder, "%s", temporary_path("damaged"));
    keeps_binaries = 1;
    ck_assert_int_eq(compilations(folder, "-DFIRST"), 1);
    ck_assert_int_eq(compilations(folder, "-DSECOND"), 1);
    ck_assert_uint_eq(list_folder(folder, paths, 4), 2);
    ck_ok(fg_file_read_all(&bytes, &count, paths[0], 1u << 30));
    ck_ok(fg_file_read_all(&other, &other_count, paths[1], 1u << 30));

    /* Cut off: nothing, inside of the header, the header alone, half, all but a byte. */
    const size_t lengths[] = {0, 20, 40, count / 2, count - 1};
    for (int i = 0; i < 5; i++) {
        overwrite(paths[0], bytes, lengths[i]);
        ck_assert_int_eq(compilations(folder, "-DFIRST") + compilations(folder, "-DSECOND"), 1);
        ck_assert_int_eq(compilations(folder, "-DFIRST") + compilations(folder, "-DSECOND"), 0);
    }
    /* One bit changed: magic, key, size, checksum, binary. */
    const size_t places[] = {0, 9, 25, 33, count / 2};
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_lt(places[i], count);
        bytes[places[i]] ^= 4;
        overwrite(paths[0], bytes, count);
        bytes[places[i]] ^= 4;
        ck_assert_int_eq(compilations(folder, "-DFIRST") + compilations(folder, "-DSECOND"), 1);
    }
    /* Whole, but of another program. */
    overwrite(paths[0], other, other_count);
    ck_assert_int_eq(compilations(folder, "-DFIRST") + compilations(folder, "-DSECOND"), 1);
    /* Whole again. */
    overwrite(paths[0], bytes, count);
    ck_assert_int_eq(compilations(folder, "-DFIRST") + compilations(folder, "-DSECOND"), 0);
    free(other);
    free(bytes);
}
END_TEST

/* Only the driver knows whether a binary whose checksum is right is one; PoCL 3.1 does not, and overflows. */
START_TEST(test_cache__a_driver_with_its_own_cache_gets_no_binary)
{
    enum { HEADER_BYTES = 40, HASH_AT = 32 };
    char folder[512], paths[4][512];
    unsigned char *bytes;
    size_t count;
    snprintf(folder, sizeof folder, "%s", temporary_path("forged"));
    ck_ok(fgmm_device_open(&device, NULL));
    const int has_own_cache = device->is_compiling_at_launch;
    fgmm_device_close(device);
    if (!has_own_cache) return;
    keeps_binaries = 1;
    ck_assert_int_eq(compilations(folder, ""), 1);
    ck_assert_uint_eq(list_folder(folder, paths, 4), 1);
    ck_ok(fg_file_read_all(&bytes, &count, paths[0], 1u << 30));
    ck_assert_uint_gt(count, HEADER_BYTES);
    memset(bytes + HEADER_BYTES, 0xff, count - HEADER_BYTES);
    const uint64_t hash = fg_hash(FG_HASH_BEGIN, bytes + HEADER_BYTES, count - HEADER_BYTES);
    memcpy(bytes + HASH_AT, &hash, sizeof hash);
    overwrite(paths[0], bytes, count);
    keeps_binaries = 0;
    ck_assert_int_eq(compilations(folder, ""), 0); /* it has been compiled, that much is true */
    free(bytes);
}
END_TEST

/* PoCL compiles for any local size when it is asked for a binary, which takes longer than all the rest. */
START_TEST(test_cache__of_a_driver_with_its_own_cache_is_a_note)
{
    char folder[512], paths[4][512];
    unsigned char *bytes;
    size_t count;
    snprintf(folder, sizeof folder, "%s", temporary_path("notes"));
    ck_assert_int_eq(compilations(folder, ""), 1);
    ck_assert_uint_eq(list_folder(folder, paths, 4), 1);
    ck_ok(fg_file_read_all(&bytes, &count, paths[0], 1u << 30));
    ck_ok(fgmm_device_open(&device, NULL));
    if (device->is_compiling_at_launch) ck_assert_uint_lt(count, 100);
    fgmm_device_close(device);
    free(bytes);
}
END_TEST

START_TEST(test_device__tells_what_compiling_took)
{
    cl_kernel kernel;
    float out[64];
    ck_assert(fgmm_device_compile_s(device) == 0);
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "-DTOLD", "twice"));
    const double build_s = fgmm_device_compile_s(device);
    ck_assert(build_s > 0);
    ck_ok(run_twice(kernel, out));
    const double first_s = fgmm_device_compile_s(device);
    ck_assert_int_eq(first_s > build_s, device->is_compiling_at_launch);
    ck_ok(run_twice(kernel, out));
    ck_assert(fgmm_device_compile_s(device) == first_s);
}
END_TEST

START_TEST(test_cache__unwritable_folder_is_no_error)
{
    char folder[512];
    const char *file = temporary_path("a_file");
    overwrite(file, (const unsigned char *)"x", 1);
    snprintf(folder, sizeof folder, "%s/below", file);
    ck_assert_int_eq(compilations(folder, ""), 1);
    ck_assert_int_eq(compilations(folder, ""), 1);
}
END_TEST

START_TEST(test_cache__folder_follows_the_environment)
{
    setenv("XDG_CACHE_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    char *folder = fg_cache_folder(NULL);
    ck_assert_str_eq(folder, "/x/flashgmm");
    free(folder);
    setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
    folder = fg_cache_folder(NULL);
    ck_assert_ptr_nonnull(strstr(folder, "/h/"));
    free(folder);
    unsetenv("HOME");
    ck_assert_ptr_null(fg_cache_folder(NULL));
    ck_assert_ptr_null(fg_cache_folder(""));
}
END_TEST

/* ---- lent by an application ---- */

/* A context of the test's own on the device that the library takes by default. */
static cl_context own_context(cl_device_id *id)
{
    fg_found_device *found;
    size_t count, platforms;
    cl_int error;
    ck_ok(fg_platform_find(&found, &count, &platforms));
    size_t i = 0;
    while (i < count && !found[i].info.is_default) i++;
    ck_assert_uint_lt(i, count);
    *id = found[i].id;
    free(found);
    cl_context context = clCreateContext(NULL, 1, id, NULL, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    return context;
}

START_TEST(test_opencl__context_and_queue_are_lent)
{
    cl_device_id id;
    cl_int error;
    cl_kernel kernel;
    float out[64];
    cl_context context = own_context(&id), other = clCreateContext(NULL, 1, &id, NULL, NULL, &error);
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, &error);
    cl_command_queue unordered = clCreateCommandQueue(context, id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    fgmm_device_options options = fgmm_device_options_init();
    options.cache_dir = "";
    if (error == CL_SUCCESS) {
        ck_fails(fgmm_device_from_opencl(&device, context, id, unordered, &options), FGMM_ARGUMENT, "out of order");
        clReleaseCommandQueue(unordered);
    }
    ck_fails(fgmm_device_from_opencl(&device, other, id, queue, &options), FGMM_ARGUMENT, "another context");
    ck_fails(fgmm_device_from_opencl(&device, NULL, id, queue, &options), FGMM_ARGUMENT, "context is NULL");
    cl_command_queue const queues[] = {queue, NULL};
    for (int i = 0; i < 2; i++) {
        ck_ok(fgmm_device_from_opencl(&device, context, id, queues[i], &options));
        ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "twice"));
        ck_ok(run_twice(kernel, out));
        ck_assert(out[63] == 126.0f);
        fgmm_device_close(device);
    }
    cl_uint references;
    ck_assert_int_eq(clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof references, &references, NULL), 0);
    ck_assert_uint_eq(references, 1);
    clReleaseCommandQueue(queue);
    clReleaseContext(other);
    clReleaseContext(context);
}
END_TEST

START_TEST(test_opencl__rows_in_a_buffer_are_a_source)
{
    enum { ROWS = 10, DIMS = 3, SKIPPED = 2 };
    cl_device_id id;
    cl_int error;
    float values[SKIPPED + ROWS * DIMS], back[ROWS * DIMS];
    uint64_t count, total = 0;
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_device_options options = fgmm_device_options_init();
    cl_context context = own_context(&id), other = clCreateContext(NULL, 1, &id, NULL, NULL, &error);
    for (int i = 0; i < SKIPPED + ROWS * DIMS; i++) values[i] = (float)i;
    cl_mem memory = clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, sizeof values, values, &error);
    cl_mem foreign = clCreateBuffer(other, CL_MEM_READ_WRITE, sizeof values, NULL, &error);
    options.cache_dir = "";
    ck_ok(fgmm_device_from_opencl(&device, context, id, NULL, &options));
    const size_t skipped_bytes = SKIPPED * sizeof(float);
    ck_fails(fgmm_source_from_cl_mem(&source, device, memory, FGMM_F32, ROWS + 1, DIMS, skipped_bytes), FGMM_ARGUMENT,
             "128 bytes; need 132 behind offset_bytes = 8");
    ck_fails(fgmm_source_from_cl_mem(&source, device, memory, FGMM_F32, ROWS, DIMS, 2), FGMM_ARGUMENT, "multiple of 4");
    ck_fails(fgmm_source_from_cl_mem(&source, device, memory, FGMM_F64, 1, DIMS, 0), FGMM_ARGUMENT, "type = 4");
    ck_fails(fgmm_source_from_cl_mem(&source, device, foreign, FGMM_F32, 1, DIMS, 0), FGMM_ARGUMENT, "context");
    ck_ok(fgmm_source_from_cl_mem(&source, device, memory, FGMM_F32, ROWS, DIMS, skipped_bytes));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_str_eq(info.format, "opencl");
    ck_assert_uint_eq(info.rows, ROWS);
    const fg_lent_rows *lent = source->opencl;
    ck_assert_uint_eq(lent->offset_bytes, skipped_bytes);
    ck_assert_uint_eq(fg_buffer_bytes(lent->buffer), sizeof values);
    ck_assert_uint_eq(fgmm_device_bytes(device), 0);
    ck_ok(fgmm_source_rewind(source));
    do {
        ck_ok(fgmm_source_next(source, back + total * DIMS, 4, &count));
        total += count;
    } while (count > 0);
    ck_assert_uint_eq(total, ROWS);
    ck_assert_mem_eq(back, values + SKIPPED, sizeof back);
    fgmm_source_close(source);
    fgmm_device_close(device);
    clReleaseMemObject(foreign);
    clReleaseMemObject(memory);
    clReleaseContext(other);
    clReleaseContext(context);
}
END_TEST

Suite *suite(void)
{
    const TTest *const on_device[] = {
        test_device__describes_what_it_lists,
        test_kernel__error_names_file_and_line,
        test_kernel__launch_errors_name_the_kernel,
        test_buffer__limits_are_named,
        test_device__tells_what_compiling_took,
        test_device__is_refused_after_fork,
        test_upload__orders_both_queues,
    };
    const TTest *const tiny[] = {test_buffer__round_trip, test_kernel__runs}; /* also run under a simulator */
    const TTest *const alone[] = {
        test_device__matches_index_and_part_of_the_name,
        test_device__options_are_checked,
        test_device__forced_choices,
        test_device__says_when_there_is_no_platform,
        test_cache__second_open_does_not_compile,
        test_cache__damaged_file_is_rebuilt,
        test_cache__a_driver_with_its_own_cache_gets_no_binary,
        test_cache__of_a_driver_with_its_own_cache_is_a_note,
        test_cache__unwritable_folder_is_no_error,
        test_cache__folder_follows_the_environment,
        test_opencl__context_and_queue_are_lent,
        test_opencl__rows_in_a_buffer_are_a_source,
    };
    Suite *s = suite_create("device");
    ADD_CASE(s, "device", setup, teardown, 120, on_device);
    ADD_CASE(s, "tiny", setup, teardown, 120, tiny);
    ADD_CASE(s, "alone", NULL, NULL, 300, alone);
    return s;
}
