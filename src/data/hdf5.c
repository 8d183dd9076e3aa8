/* hdf5.c - one 2-D dataset of an HDF5 file (u8, i8, f16, f32, f64), read in slabs of rows. docs/formats.md.
 *
 * libhdf5 does the reading; this file chooses what may be read, bounds its memory, keeps it from printing, and lets one
 * thread at a time into it. Without libhdf5 only the refusal at the end is built. */
#include "formats.h"

#ifdef FG_HAS_HDF5
#define H5_USE_110_API /* the same names in 1.10, 1.12 and 1.14 */
#include "size.h"
#include "thread.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chunk is unpacked whole; the chunks side by side that hold a row are kept for the next batch up to the second
 * figure. h5py's own choice is at most 1 MiB per chunk. */
enum { CHUNK_BYTES_MAX = 256 * 1024 * 1024, CACHE_BYTES_MAX = 64 * 1024 * 1024 };
/* A prime well above the number of chunks that the cache can hold at the usual chunk sizes. */
enum { CACHE_SLOTS = 12421 };

typedef struct hdf5_rows {
    fg_input *input; /* its path */
    hid_t file, dataset, memory_type;
    uint64_t rows, dims, position;
    fgmm_type type;
} hdf5_rows;

/* ---- inside libhdf5 ---- */

typedef struct guard {
    H5E_auto2_t print;
    void *user;
} guard;

/* Between the two, this thread alone is in libhdf5, and it prints nothing. */
static void enter(guard *g)
{
    fg_foreign_lock();
    H5Eget_auto2(H5E_DEFAULT, &g->print, &g->user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void leave(const guard *g)
{
    H5Eset_auto2(H5E_DEFAULT, g->print, g->user);
    fg_foreign_unlock();
}

enum { REASON_BYTES = 160 };

static herr_t take_deepest(unsigned depth, const H5E_error2_t *error, void *user)
{
    if (depth == 0 && error->desc) snprintf(user, REASON_BYTES, "%s", error->desc);
    return 0;
}

/* The first cause that libhdf5 noted for the last failed call; its next call forgets it. */
static void reason(char text[REASON_BYTES])
{
    snprintf(text, REASON_BYTES, "no reason given");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_deepest, text);
}

/* ---- what the file holds ---- */

/* Which of our types a dataset's elements are, whatever their byte order; -1: none. */
static int type_of(hid_t dataset)
{
    int found = -1;
    hid_t type = H5Dget_type(dataset);
    const size_t bytes = H5Tget_size(type);
    const H5T_class_t class = H5Tget_class(type);
    if (class == H5T_INTEGER && bytes == 1) found = H5Tget_sign(type) == H5T_SGN_NONE ? FGMM_U8 : FGMM_I8;
    if (class == H5T_FLOAT && bytes == 4) found = FGMM_F32;
    if (class == H5T_FLOAT && bytes == 8) found = FGMM_F64;
    if (class == H5T_FLOAT && bytes == 2) {
        size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
        const herr_t status = H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
        const int is_half = sign == 15 && exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10;
        if (status >= 0 && is_half && H5Tget_ebias(type) == 15) found = FGMM_F16;
    }
    H5Tclose(type);
    return found;
}

/* Fills shape (2); returns the number of dimensions, also when it is not 2. */
static int shape_of(hid_t dataset, hsize_t shape[2])
{
    hid_t space = H5Dget_space(dataset);
    const int count = H5Sget_simple_extent_ndims(space);
    shape[0] = shape[1] = 0;
    if (count == 2) H5Sget_simple_extent_dims(space, shape, NULL);
    H5Sclose(space);
    return count;
}

typedef struct listing {
    char text[512];
    size_t used;
} listing;

static herr_t list_object(hid_t parent, const char *name, const H5O_info_t *info, void *user)
{
    listing *list = user;
    if (info->type != H5O_TYPE_DATASET) return 0;
    hid_t dataset = H5Dopen2(parent, name, H5P_DEFAULT);
    if (dataset < 0) return 0;
    hsize_t shape[2];
    const int count = shape_of(dataset, shape), type = type_of(dataset);
    const char *type_name = type < 0 ? "other type" : fgmm_type_name((fgmm_type)type);
    const size_t room = sizeof list->text - list->used;
    const int length = count == 2 ? snprintf(list->text + list->used, room, " %s (%llu, %llu) %s;", name,
                                             (unsigned long long)shape[0], (unsigned long long)shape[1], type_name)
                                  : snprintf(list->text + list->used, room, " %s (%d-D) %s;", name, count, type_name);
    H5Dclose(dataset);
    if ((size_t)length >= room) {
        list->text[list->used] = 0;
        return 1; /* full: stop */
    }
    list->used += (size_t)length;
    return 0;
}

static fgmm_status no_dataset(const hdf5_rows *hdf5, const char *name)
{
    listing list = {"", 0};
    H5Ovisit(hdf5->file, H5_INDEX_NAME, H5_ITER_NATIVE, list_object, &list);
    return fg_fail(FGMM_FORMAT, "%s: has no dataset \"%s\"; it holds:%s", hdf5->input->path, name,
                   list.used ? list.text : " no dataset");
}

/* ---- opening ---- */

static fgmm_status check_shape(hdf5_rows *hdf5, const char *name)
{
    fgmm_status status = FGMM_OK;
    const char *path = hdf5->input->path;
    hsize_t shape[2];
    const int count = shape_of(hdf5->dataset, shape), type = type_of(hdf5->dataset);
    FG_CHECK(count == 2, FGMM_FORMAT, "%s: dataset \"%s\" is %d-D; need (N, D)", path, name, count);
    FG_CHECK(shape[0] >= 1 && shape[1] >= 1, FGMM_DATA, "%s: dataset \"%s\" is (%llu, %llu): no rows", path, name,
             (unsigned long long)shape[0], (unsigned long long)shape[1]);
    FG_CHECK(type >= 0, FGMM_FORMAT, "%s: dataset \"%s\": its elements are none of u8, i8, f16, f32, f64", path, name);
    hdf5->type = (fgmm_type)type;
    hdf5->rows = shape[0];
    hdf5->dims = shape[1];
    const uint64_t element = fgmm_type_bytes(hdf5->type), most = INT64_MAX;
    FG_CHECK(hdf5->dims <= most / element && hdf5->rows <= most / (hdf5->dims * element), FGMM_FORMAT,
             "%s: dataset \"%s\" is (%llu, %llu): more than any file holds", path, name, (unsigned long long)hdf5->rows,
             (unsigned long long)hdf5->dims);
done:
    return status;
}

/* After the chunks' check: of a damaged file HDF5 1.14 does not tell the storage, which looks like none. */
static fgmm_status check_written(const hdf5_rows *hdf5, const char *name)
{
    if (H5Dget_storage_size(hdf5->dataset) > 0) return FGMM_OK;
    if (H5Eget_num(H5E_DEFAULT) <= 0)
        return fg_fail(FGMM_DATA, "%s: dataset \"%s\" has never been written", hdf5->input->path, name);
    char why[REASON_BYTES];
    reason(why);
    return fg_fail(FGMM_FORMAT, "%s: dataset \"%s\" cannot be read: %s", hdf5->input->path, name, why);
}

/* A writer cannot make chunks that overhang a dataset of fixed size; in a damaged file, libhdf5 would read beyond the
 * chunk's bytes. */
static int chunk_fits(hid_t dataset, const hsize_t chunk[2])
{
    hsize_t shape[2], most[2];
    const hid_t space = H5Dget_space(dataset);
    H5Sget_simple_extent_dims(space, shape, most);
    H5Sclose(space);
    for (int i = 0; i < 2; i++)
        if (chunk[i] == 0 || (most[i] != H5S_UNLIMITED && chunk[i] > most[i])) return 0;
    return 1;
}

/* Opens the dataset again with a chunk cache that holds the chunks of one row, so that a chunk is unpacked once per
 * pass; refuses chunks that would break the bound on memory. */
static fgmm_status fit_cache(hdf5_rows *hdf5, const char *name)
{
    fgmm_status status = FGMM_OK;
    hsize_t chunk[2] = {0, 0};
    hid_t access = H5I_INVALID_HID;
    char why[REASON_BYTES];
    const uint64_t element = fgmm_type_bytes(hdf5->type);
    const hid_t creation = H5Dget_create_plist(hdf5->dataset);
    const int is_chunked = H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, 2, chunk) == 2;
    if (!is_chunked) goto done;
    FG_CHECK(chunk_fits(hdf5->dataset, chunk), FGMM_FORMAT,
             "%s: dataset \"%s\" is damaged: chunks of (%llu, %llu) do not fit its (%llu, %llu)", hdf5->input->path,
             name, (unsigned long long)chunk[0], (unsigned long long)chunk[1], (unsigned long long)hdf5->rows,
             (unsigned long long)hdf5->dims);
    FG_CHECK(chunk[0] <= CHUNK_BYTES_MAX && chunk[1] <= CHUNK_BYTES_MAX / element / chunk[0], FGMM_FORMAT,
             "%s: dataset \"%s\" has chunks of (%llu, %llu); at most %d bytes are read at once", hdf5->input->path,
             name, (unsigned long long)chunk[0], (unsigned long long)chunk[1], CHUNK_BYTES_MAX);
    const uint64_t chunk_bytes = chunk[0] * chunk[1] * element;
    const uint64_t across = fg_min_u64(fg_ceil_div(hdf5->dims, chunk[1]), CACHE_BYTES_MAX);
    access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, CACHE_SLOTS, (size_t)fg_min_u64(across * chunk_bytes, CACHE_BYTES_MAX), 1.0);
    H5Dclose(hdf5->dataset);
    hdf5->dataset = H5Dopen2(hdf5->file, name, access);
    if (hdf5->dataset < 0) reason(why);
    FG_CHECK(hdf5->dataset >= 0, FGMM_FORMAT, "%s: dataset \"%s\" cannot be opened: %s", hdf5->input->path, name, why);
done:
    if (access >= 0) H5Pclose(access);
    H5Pclose(creation);
    return status;
}

/* libhdf5 converts the byte order; binary16, which it has no name for, is the file's own type in our order. */
static hid_t memory_type_of(const hdf5_rows *hdf5)
{
    hid_t type;
    switch (hdf5->type) {
    case FGMM_U8:
        return H5Tcopy(H5T_NATIVE_UINT8);
    case FGMM_I8:
        return H5Tcopy(H5T_NATIVE_INT8);
    case FGMM_F32:
        return H5Tcopy(H5T_NATIVE_FLOAT);
    case FGMM_F64:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    default:
        type = H5Dget_type(hdf5->dataset);
        H5Tset_order(type, H5T_ORDER_LE);
        return type;
    }
}

static fgmm_status open_dataset(hdf5_rows *hdf5, const char *name)
{
    fgmm_status status = FGMM_OK;
    const char *path = hdf5->input->path;
    char why[REASON_BYTES];
    FG_CHECK(H5Fis_hdf5(path) > 0, FGMM_FORMAT, "%s: no HDF5 file (its signature is missing)", path);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    hdf5->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (hdf5->file < 0) reason(why);
    H5Pclose(access);
    FG_CHECK(hdf5->file >= 0, FGMM_FORMAT, "%s: cannot be opened as HDF5: %s", path, why);
    hdf5->dataset = H5Dopen2(hdf5->file, name, H5P_DEFAULT);
    if (hdf5->dataset < 0) return no_dataset(hdf5, name);
    FG_TRY(check_shape(hdf5, name));
    FG_TRY(fit_cache(hdf5, name));
    FG_TRY(check_written(hdf5, name));
    hdf5->memory_type = memory_type_of(hdf5);
    FG_CHECK(hdf5->memory_type >= 0, FGMM_MEMORY, "%s: dataset \"%s\": no room for its type", path, name);
done:
    return status;
}

static void hdf5_close(void *self)
{
    hdf5_rows *hdf5 = self;
    guard g;
    enter(&g);
    if (hdf5->memory_type >= 0) H5Tclose(hdf5->memory_type);
    if (hdf5->dataset >= 0) H5Dclose(hdf5->dataset);
    if (hdf5->file >= 0) H5Fclose(hdf5->file);
    leave(&g);
    fg_input_close(hdf5->input);
    free(hdf5);
}

/* ---- the source ---- */

static fgmm_status hdf5_rewind(void *self)
{
    ((hdf5_rows *)self)->position = 0;
    return FGMM_OK;
}

static fgmm_status read_slab(const hdf5_rows *hdf5, void *rows, uint64_t n)
{
    char why[REASON_BYTES];
    const hsize_t start[2] = {hdf5->position, 0}, count[2] = {n, hdf5->dims};
    const hid_t file_space = H5Dget_space(hdf5->dataset), memory_space = H5Screate_simple(2, count, NULL);
    herr_t result = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (result >= 0) result = H5Dread(hdf5->dataset, hdf5->memory_type, memory_space, file_space, H5P_DEFAULT, rows);
    if (result < 0) reason(why);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    if (result >= 0) return FGMM_OK;
    return fg_fail(FGMM_FORMAT, "%s: rows %llu to %llu cannot be read: %s", hdf5->input->path,
                   (unsigned long long)hdf5->position, (unsigned long long)(hdf5->position + n - 1), why);
}

static fgmm_status hdf5_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    hdf5_rows *hdf5 = self;
    const uint64_t n = fg_min_u64(capacity, hdf5->rows - hdf5->position);
    if (n == 0) return FGMM_OK;
    guard g;
    enter(&g);
    fgmm_status status = read_slab(hdf5, rows, n);
    leave(&g);
    if (status != FGMM_OK) return status;
    hdf5->position += n;
    *count = n;
    return FGMM_OK;
}

static const fg_source_kind hdf5_kind = {hdf5_rewind, hdf5_next, hdf5_close, NULL};

fgmm_status fg_hdf5_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    hdf5_rows *hdf5;
    *source = NULL;
    fgmm_status status = FG_ALLOC(&hdf5, 1, "source");
    if (status != FGMM_OK) {
        fg_input_close(input);
        return status;
    }
    *hdf5 = (hdf5_rows){
        .input = input, .file = H5I_INVALID_HID, .dataset = H5I_INVALID_HID, .memory_type = H5I_INVALID_HID};
    guard g;
    enter(&g);
    status = open_dataset(hdf5, options->dataset ? options->dataset : "train");
    leave(&g);
    if (status != FGMM_OK) {
        hdf5_close(hdf5);
        return status;
    }
    const fgmm_source_info info = {sizeof info, hdf5->rows, hdf5->dims, hdf5->type, "hdf5"};
    return fg_source_create(source, &hdf5_kind, hdf5, &info);
}

#else

fgmm_status fg_hdf5_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    *source = NULL;
    fgmm_status status = fg_fail(FGMM_UNSUPPORTED, "%s: HDF5 is not built into this library", input->path);
    fg_input_close(input);
    return status;
}

#endif
