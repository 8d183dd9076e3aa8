/* program.c - from files of cl/ to kernels: puts a program's text together, builds it, remembers programs and kernels
 * for the life of the handle. Where binaries are kept between runs is cache.c. */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "kernel_files.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For every program. Arithmetic on denormals, which exp of very negative numbers gives, costs CPUs 3 to 15 times the
 * whole kernel. Without warnings, since a build log is looked at only when there is an error, and some drivers write to
 * the terminal that there were warnings; scripts/compile-for-gpus shows them. */
#define BASE_OPTIONS "-cl-std=CL1.2 -cl-denorms-are-zero -w"

/* ---- text ---- */

typedef struct fg_text {
    char *bytes;
    size_t count;
} fg_text;

static fgmm_status text_append(fg_text *text, const void *bytes, size_t count)
{
    char *longer = realloc(text->bytes, text->count + count + 1);
    if (!longer) return fg_fail(FGMM_MEMORY, "kernel source: %zu bytes do not fit into memory", text->count + count);
    memcpy(longer + text->count, bytes, count);
    text->bytes = longer;
    text->count += count;
    longer[text->count] = 0;
    return FGMM_OK;
}

/* The text of one file of cl/, with #include lines as comments: what they name stands before it. */
#ifdef FG_KERNELS_FROM_DISK
static void comment_includes(char *text)
{
    for (char *line = text; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL)
        if (strncmp(line, "#include", 8) == 0) memcpy(line, "//", 2);
}

static fgmm_status append_file(fg_text *text, const fg_kernel_file *file)
{
    enum { MOST_BYTES = 1 << 20 };
    fgmm_status status = FGMM_OK;
    unsigned char *bytes = NULL;
    size_t count;
    char path[1024];
    const size_t before = text->count;
    snprintf(path, sizeof path, "%s/%s", FG_KERNELS_FROM_DISK, file->name);
    FG_TRY(fg_file_read_all(&bytes, &count, path, MOST_BYTES));
    FG_TRY(text_append(text, bytes, count));
    comment_includes(text->bytes + before);
done:
    free(bytes);
    return status;
}
#else
static fgmm_status append_file(fg_text *text, const fg_kernel_file *file)
{
    return text_append(text, file->bytes, file->count);
}
#endif

/* A leaf with all that it includes, each file behind a #line, so that the compiler names file and line. */
static fgmm_status assemble(fg_text *text, const char *leaf)
{
    fgmm_status status = FGMM_OK;
    const fg_kernel_file *file = fg_kernel_files;
    while (file->name && strcmp(file->name, leaf) != 0) file++;
    FG_CHECK(file->name, FGMM_INTERNAL, "%s: no such file in cl/", leaf);
    for (size_t i = 0; i < file->part_count; i++) {
        const fg_kernel_file *part = &fg_kernel_files[file->parts[i]];
        char line[128];
        snprintf(line, sizeof line, "#line 1 \"%s\"\n", part->name);
        FG_TRY(text_append(text, line, strlen(line)));
        FG_TRY(append_file(text, part));
        FG_TRY(text_append(text, "\n", 1));
    }
done:
    return status;
}

/* ---- building ---- */

/* The part of a build log that says what is wrong: from the first line with "error" on. */
static const char *first_error(const char *log)
{
    const char *error = strstr(log, "error");
    if (!error) return log;
    while (error > log && error[-1] != '\n') error--;
    return error;
}

/* COMPILE with the first lines of the build log, cut so that the options still fit into the error text. */
static fgmm_status fail_build(fgmm_device *device, const fg_program *made, cl_int error)
{
    enum { MOST_LOG_BYTES = 480 };
    fgmm_status status = FGMM_OK;
    char *log = NULL;
    size_t bytes = 0;
    clGetProgramBuildInfo(made->program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    FG_CHECK(error != CL_OUT_OF_HOST_MEMORY, FGMM_MEMORY, "%s for %s: memory ran out while it was compiled",
             made->label, device->info.name);
    FG_TRY(FG_ALLOC(&log, bytes + 1, "build log"));
    clGetProgramBuildInfo(made->program, device->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    status = fg_fail(FGMM_COMPILE, "%s for %s: clBuildProgram gave %s (%d): %.*s; options: %s", made->label,
                     device->info.name, fg_cl_error_name(error), (int)error, MOST_LOG_BYTES, first_error(log),
                     made->options);
done:
    free(log);
    return status;
}

/* Says so once per name and handle: variants of the same program are compiled without a word. */
static void log_compiling(fgmm_device *device, const fg_program *made)
{
    char line[384];
    const char *once = strstr(made->options, "-DDIMS=") ? "device and D" : "device";
    if (!device->log) return;
    snprintf(line, sizeof line, "compiling %s for %s (once for this %s) ...", made->label, device->info.name, once);
    fg_device_log_once(device, line);
}

/* From the cache folder, or by compiling.
 *
 * PoCL keeps what it compiles in a cache of its own, of bitcode after the build and of machine code after a kernel's
 * first launch, per local size. A binary of it is worth nothing beside that and costs much: when it is asked for one,
 * PoCL 3.1 compiles every kernel of the program again for any local size. Measured for a first fit of 7494 x 16, K =
 * 10, whose own compilation took 4.4 s of processor time: 6.5 s more for six binaries, and 0.04 s less per program in
 * each later run (PoCL reads the source to look it up). So there only the fact is kept that a program has been
 * compiled. */
static fgmm_status build(fgmm_device *device, fg_program *made, const char *source, const char *options)
{
    fgmm_status status = FGMM_OK;
    fg_driver_visit visit;
    cl_int error;
    fg_backend_stage(device, "compiling", made->label);
    fg_cache_key(&made->entry, device, source, options);
    const int has_own_cache = device->is_compiling_at_launch;
    if (!has_own_cache) made->program = fg_cache_load(device, &made->entry, options);
    if (made->program) return FGMM_OK;
    made->is_new = !has_own_cache || !fg_cache_is_known(device, &made->entry);
    if (made->is_new) log_compiling(device, made);
    made->program = clCreateProgramWithSource(device->context, 1, &source, NULL, &error);
    FG_CL(error, FGMM_COMPILE, "clCreateProgramWithSource", "%s", made->label);
    const double began_s = fg_now_s();
    fg_driver_calm(&visit);
    error = clBuildProgram(made->program, 1, &device->id, options, NULL, NULL);
    fg_driver_restore(&visit);
    device->compile_s += fg_now_s() - began_s;
    if (error != CL_SUCCESS) return fail_build(device, made, error);
    if (!has_own_cache) fg_cache_store(device, &made->entry, made->program);
done:
    return status;
}

/* ---- what the handle remembers ---- */

static void program_free(fg_program *program, int is_mine)
{
    if (!program) return;
    while (program->kernels) {
        fg_kernel *kernel = program->kernels;
        program->kernels = kernel->next;
        if (is_mine) clReleaseKernel(kernel->kernel);
        free(kernel);
    }
    if (is_mine && program->program) clReleaseProgram(program->program);
    free(program->label);
    free(program->options);
    free(program);
}

/* A program is known to be compiled when some of its kernels have been launched. */
static int is_to_be_recorded(const fgmm_device *device, const fg_program *program)
{
    const fg_kernel *kernel = program->kernels;
    while (kernel && !kernel->is_launched) kernel = kernel->next;
    return device->is_compiling_at_launch && program->is_new && kernel != NULL;
}

void fg_programs_free(fgmm_device *device)
{
    const int is_mine = fg_device_is_mine(device);
    while (device->programs) {
        fg_program *program = device->programs;
        device->programs = program->next;
        if (is_mine && is_to_be_recorded(device, program)) fg_cache_record(device, &program->entry);
        program_free(program, is_mine);
    }
}

int fg_program_begin_launch(fgmm_device *device, cl_kernel kernel)
{
    for (fg_program *program = device->programs; program; program = program->next)
        for (fg_kernel *entry = program->kernels; entry; entry = entry->next) {
            if (entry->kernel != kernel) continue;
            const int is_compiling = device->is_compiling_at_launch && program->is_new && !entry->is_launched;
            entry->is_launched = 1;
            return is_compiling;
        }
    return 0;
}

static fg_program *find_program(const fgmm_device *device, const char *label, const char *options)
{
    fg_program *program = device->programs;
    while (program && (strcmp(program->label, label) != 0 || strcmp(program->options, options) != 0))
        program = program->next;
    return program;
}

static fgmm_status make_program(fg_program **program, fgmm_device *device, const char *label, const char *source,
                                const char *options)
{
    fgmm_status status = FGMM_OK;
    char *all = NULL;
    fg_program *made = NULL;
    const size_t capacity = strlen(options) + sizeof BASE_OPTIONS + 32;
    FG_TRY(FG_ALLOC(&all, capacity, "build options"));
    snprintf(all, capacity, "%s -DHAS_FP64=%d %s", BASE_OPTIONS, device->facts.has_fp64, options);
    FG_TRY(FG_ALLOC(&made, 1, label));
    FG_TRY(FG_ALLOC(&made->label, strlen(label) + 1, label));
    strcpy(made->label, label);
    FG_TRY(FG_ALLOC(&made->options, strlen(options) + 1, label));
    strcpy(made->options, options);
    FG_TRY(build(device, made, source, all));
    made->next = device->programs;
    device->programs = made;
    *program = made;
    made = NULL;
done:
    program_free(made, 1);
    free(all);
    return status;
}

static fgmm_status get_kernel(cl_kernel *kernel, fg_program *program, const char *name)
{
    fgmm_status status = FGMM_OK;
    fg_kernel *entry = program->kernels, *made = NULL;
    cl_int error;
    while (entry && strcmp(entry->name, name) != 0) entry = entry->next;
    if (!entry) {
        FG_CHECK(strlen(name) < FG_KERNEL_NAME_BYTES, FGMM_INTERNAL, "%s: kernel name of %zu letters; need below %d",
                 name, strlen(name), FG_KERNEL_NAME_BYTES);
        FG_TRY(FG_ALLOC(&made, 1, name));
        strcpy(made->name, name);
        made->kernel = clCreateKernel(program->program, name, &error);
        FG_CL(error, FGMM_COMPILE, "clCreateKernel", "%s of %s", name, program->label);
        made->next = program->kernels;
        program->kernels = entry = made;
        made = NULL;
    }
    *kernel = entry->kernel;
done:
    free(made);
    return status;
}

fgmm_status fg_kernel_from_source(cl_kernel *kernel, fgmm_device *device, const char *label, const char *source,
                                  const char *options, const char *name)
{
    fgmm_status status = FGMM_OK;
    *kernel = NULL;
    FG_TRY(fg_device_check(device));
    fg_program *program = find_program(device, label, options);
    if (!program) FG_TRY(make_program(&program, device, label, source, options));
    FG_TRY(get_kernel(kernel, program, name));
done:
    return status;
}

fgmm_status fg_kernel_get(cl_kernel *kernel, fgmm_device *device, const char *leaf, const char *options,
                          const char *name)
{
    fgmm_status status = FGMM_OK;
    fg_text source = {0};
    *kernel = NULL;
    if (!find_program(device, leaf, options)) FG_TRY(assemble(&source, leaf));
    FG_TRY(fg_kernel_from_source(kernel, device, leaf, source.bytes, options, name));
done:
    free(source.bytes);
    return status;
}
