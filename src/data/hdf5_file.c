/* hdf5_file.c - finds and opens the dataset that holds the rows. See hdf5_file.h; hdf5_parts.c looks whether all of it
 * is there, hdf5.c reads it. */
#include "hdf5_file.h"

#include "hdf5_parts.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* A chunk is unpacked whole; the chunks side by side that hold a row are kept for the next batch up to the second
 * figure. h5py's own choice is at most 1 MiB per chunk. */
enum { CHUNK_BYTES_MAX = 256 * 1024 * 1024, CACHE_BYTES_MAX = 64 * 1024 * 1024 };
/* A prime well above the number of chunks that the cache can hold at the usual chunk sizes. */
enum { CACHE_ENTRIES = 12421 };

/* ---- inside libhdf5 ---- */

void fg_hdf5_enter(fg_hdf5_guard *guard)
{
    fg_foreign_lock();
    H5Eget_auto2(H5E_DEFAULT, &guard->print, &guard->user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void fg_hdf5_leave(const fg_hdf5_guard *guard)
{
    H5Eset_auto2(H5E_DEFAULT, guard->print, guard->user);
    fg_foreign_unlock();
}

static herr_t copy_deepest(unsigned depth, const H5E_error2_t *error, void *user)
{
    if (depth == 0 && error->desc) snprintf(user, FG_HDF5_REASON_BYTES, "%s", error->desc);
    return 0;
}

void fg_hdf5_reason(char text[FG_HDF5_REASON_BYTES])
{
    snprintf(text, FG_HDF5_REASON_BYTES, "no reason given");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, copy_deepest, text);
}

/* ---- what the file holds ---- */

static int is_half(hid_t type)
{
    size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    const herr_t status = H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits);
    return status >= 0 && sign == 15 && exponent == 10 && exponent_bits == 5 && mantissa == 0 && mantissa_bits == 10 &&
           H5Tget_ebias(type) == 15;
}

/* What a dataset's elements are, their byte order aside, which libhdf5 converts; 0: nothing that rows consist of.
 * h5py's bool is an enumeration of bytes. */
static int element_of(fg_element *element, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    if (H5Tget_class(type) == H5T_ENUM) {
        const hid_t base = H5Tget_super(type);
        H5Tclose(type);
        type = base;
    }
    const size_t bytes = H5Tget_size(type);
    const H5T_class_t class = H5Tget_class(type);
    const int is_power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    int is_found = 0;
    *element = (fg_element){FG_FLOAT, (unsigned)bytes, 0};
    if (class == H5T_INTEGER && is_power) {
        element->kind = H5Tget_sign(type) == H5T_SGN_NONE ? FG_UNSIGNED : FG_SIGNED;
        is_found = 1;
    } else if (class == H5T_FLOAT) {
        is_found = bytes == 4 || bytes == 8 || (bytes == 2 && is_half(type));
    }
    H5Tclose(type);
    return is_found;
}

/* Fills shape (2) where there are at most two dimensions; returns their number. */
static int shape_of(hid_t dataset, hsize_t shape[2])
{
    hid_t space = H5Dget_space(dataset);
    const int count = H5Sget_simple_extent_ndims(space);
    shape[0] = shape[1] = 0;
    if (count == 1 || count == 2) H5Sget_simple_extent_dims(space, shape, NULL);
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
    fg_element element;
    const int count = shape_of(dataset, shape);
    const char *type_name = element_of(&element, dataset) ? fgmm_type_name(fg_element_row_type(element)) : "other type";
    const size_t capacity = sizeof list->text - list->used;
    const int length = count == 2
                           ? snprintf(list->text + list->used, capacity, " %s (%llu, %llu) %s;", name, (ull)shape[0],
                                      (ull)shape[1], type_name)
                           : snprintf(list->text + list->used, capacity, " %s (%d-D) %s;", name, count, type_name);
    H5Dclose(dataset);
    if ((size_t)length >= capacity) {
        list->text[list->used] = 0;
        return 1; /* full: stop */
    }
    list->used += (size_t)length;
    return 0;
}

/* What stands at the name instead. */
static const char *other_kind(const fg_hdf5_dataset *d)
{
    H5O_info_t info;
    if (H5Oget_info_by_name(d->file, d->name, &info, H5P_DEFAULT) < 0 || info.type != H5O_TYPE_GROUP) return "";
    if (H5Aexists_by_name(d->file, d->name, "MATLAB_sparse", H5P_DEFAULT) > 0)
        return ", which is a sparse MATLAB matrix (save full(X))";
    return ", which is a group";
}

static fgmm_status no_dataset(const fg_hdf5_dataset *d)
{
    listing list = {"", 0};
    const fg_hdf5_place place = {d->path, d->name};
    const fgmm_status status = fg_hdf5_check_links(&place, d->file);
    if (status != FGMM_OK) return status;
    const char *kind = other_kind(d);
    H5Ovisit(d->file, H5_INDEX_NAME, H5_ITER_NATIVE, list_object, &list);
    return fg_fail(FGMM_FORMAT, "%s: has no dataset \"%s\"%s; it holds:%s", d->path, d->name, kind,
                   list.used ? list.text : " no dataset");
}

/* ---- MATLAB ---- */

/* The text of the attribute MATLAB_class; "" where there is none. */
static void matlab_class(char text[32], hid_t dataset)
{
    memset(text, 0, 32);
    if (H5Aexists(dataset, "MATLAB_class") <= 0) return;
    snprintf(text, 32, "unknown");
    const hid_t attribute = H5Aopen(dataset, "MATLAB_class", H5P_DEFAULT), type = H5Aget_type(attribute);
    const size_t bytes = H5Tget_size(type);
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && bytes < 32) {
        memset(text, 0, 32);
        H5Aread(attribute, type, text);
    }
    H5Tclose(type);
    H5Aclose(attribute);
}

static fgmm_status check_matlab(fg_hdf5_dataset *d)
{
    static const char *const others[] = {"char", "cell", "struct", "function_handle"};
    fgmm_status status = FGMM_OK;
    char class[32];
    matlab_class(class, d->dataset);
    d->is_turned = class[0] != 0 && d->rank == 2;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        FG_CHECK(strcmp(class, others[i]) != 0, FGMM_FORMAT, "%s: dataset \"%s\" is of MATLAB's class %s; need numbers",
                 d->path, d->name, class);
    FG_CHECK(H5Aexists(d->dataset, "MATLAB_empty") <= 0, FGMM_DATA, "%s: dataset \"%s\" is an empty MATLAB matrix",
             d->path, d->name);
done:
    return status;
}

/* ---- opening ---- */

static fgmm_status check_shape(fg_hdf5_dataset *d)
{
    fgmm_status status = FGMM_OK;
    d->rank = shape_of(d->dataset, d->shape);
    FG_CHECK(d->rank == 1 || d->rank == 2, FGMM_FORMAT, "%s: dataset \"%s\" is %d-D; need (N, D), or (N) for D = 1",
             d->path, d->name, d->rank);
    if (d->rank == 1) d->shape[1] = 1;
    FG_CHECK(d->shape[0] >= 1 && d->shape[1] >= 1, FGMM_DATA, "%s: dataset \"%s\" is (%llu, %llu): no rows", d->path,
             d->name, (ull)d->shape[0], (ull)d->shape[1]);
    FG_CHECK(element_of(&d->element, d->dataset), FGMM_FORMAT,
             "%s: dataset \"%s\": its elements are neither integers nor f16, f32, f64", d->path, d->name);
    FG_TRY(check_matlab(d));
    d->rows = d->shape[d->is_turned ? 1 : 0];
    d->dims = d->shape[d->is_turned ? 0 : 1];
    const uint64_t most = INT64_MAX;
    FG_CHECK(d->dims <= most / sizeof(double) && d->rows <= most / (d->dims * sizeof(double)), FGMM_FORMAT,
             "%s: dataset \"%s\" is (%llu, %llu): more than any file holds", d->path, d->name, (ull)d->shape[0],
             (ull)d->shape[1]);
done:
    return status;
}

/* A writer cannot make chunks that overhang a dataset of fixed size; in a damaged file, libhdf5 would read beyond the
 * chunk's bytes. */
static int chunk_fits(const fg_hdf5_dataset *d, const hsize_t chunk[2])
{
    hsize_t shape[2], most[2];
    const hid_t space = H5Dget_space(d->dataset);
    H5Sget_simple_extent_dims(space, shape, most);
    H5Sclose(space);
    for (int i = 0; i < d->rank; i++)
        if (chunk[i] == 0 || (most[i] != H5S_UNLIMITED && chunk[i] > most[i])) return 0;
    return 1;
}

/* Opens the dataset again with a chunk cache that holds the chunks of one row, so that a chunk is unpacked once per
 * pass; refuses chunks that would break the bound on memory. */
static fgmm_status fit_cache(fg_hdf5_dataset *d)
{
    fgmm_status status = FGMM_OK;
    hsize_t chunk[2] = {0, 1};
    hid_t access = H5I_INVALID_HID;
    char why[FG_HDF5_REASON_BYTES];
    const uint64_t element = d->element.bytes;
    const hid_t creation = H5Dget_create_plist(d->dataset);
    const int is_chunked = H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, d->rank, chunk) == d->rank;
    if (!is_chunked) goto done;
    FG_CHECK(chunk_fits(d, chunk), FGMM_FORMAT,
             "%s: dataset \"%s\" is damaged: chunks of (%llu, %llu) do not fit its (%llu, %llu)", d->path, d->name,
             (ull)chunk[0], (ull)chunk[1], (ull)d->shape[0], (ull)d->shape[1]);
    FG_CHECK(chunk[0] <= CHUNK_BYTES_MAX && chunk[1] <= CHUNK_BYTES_MAX / element / chunk[0], FGMM_FORMAT,
             "%s: dataset \"%s\" has chunks of (%llu, %llu); at most %d bytes are read at once", d->path, d->name,
             (ull)chunk[0], (ull)chunk[1], CHUNK_BYTES_MAX);
    const uint64_t chunk_bytes = chunk[0] * chunk[1] * element;
    const uint64_t across = fg_min_u64(fg_ceil_div(d->dims, chunk[d->is_turned ? 0 : 1]), CACHE_BYTES_MAX);
    access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, CACHE_ENTRIES, (size_t)fg_min_u64(across * chunk_bytes, CACHE_BYTES_MAX), 1.0);
    H5Dclose(d->dataset);
    d->dataset = H5Dopen2(d->file, d->name, access);
    if (d->dataset < 0) fg_hdf5_reason(why);
    FG_CHECK(d->dataset >= 0, FGMM_FORMAT, "%s: dataset \"%s\" cannot be opened: %s", d->path, d->name, why);
done:
    if (access >= 0) H5Pclose(access);
    H5Pclose(creation);
    return status;
}

fgmm_status fg_hdf5_open_file(fg_hdf5_dataset *d, const char *path, const char *name)
{
    fgmm_status status = FGMM_OK;
    char why[FG_HDF5_REASON_BYTES];
    const fg_hdf5_place place = {path, name};
    *d = (fg_hdf5_dataset){.path = path, .name = name, .file = H5I_INVALID_HID, .dataset = H5I_INVALID_HID};
    FG_CHECK(H5Fis_hdf5(path) > 0, FGMM_FORMAT, "%s: no HDF5 file (its signature is missing)", path);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    d->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (d->file < 0) fg_hdf5_reason(why);
    H5Pclose(access);
    FG_CHECK(d->file >= 0, FGMM_FORMAT, "%s: cannot be opened as HDF5: %s", path, why);
    d->dataset = H5Dopen2(d->file, name, H5P_DEFAULT);
    if (d->dataset < 0) return no_dataset(d);
    FG_TRY(check_shape(d));
    FG_TRY(fit_cache(d));
    FG_TRY(fg_hdf5_check_parts(&place, d->file, d->dataset));
done:
    return status;
}

void fg_hdf5_close_file(fg_hdf5_dataset *d)
{
    if (d->dataset >= 0) H5Dclose(d->dataset);
    if (d->file >= 0) H5Fclose(d->file);
}
