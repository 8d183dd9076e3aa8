/* hdf5_parts.c - whether everything that a dataset consists of is there: filters, chunks, the parts of a virtual
 * dataset, what links lead to. libhdf5 itself reads missing parts as fill values, or names them only when it reads. */
#include "hdf5_parts.h"

#include "file.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum { NAME_BYTES = 1024 };

/* ---- filters ---- */

/* The names of those that other programs use, by their registered numbers. */
static const char *filter_name(H5Z_filter_t id)
{
    static const struct {
        H5Z_filter_t id;
        const char *name;
    } names[] = {{H5Z_FILTER_DEFLATE, "deflate"},
                 {H5Z_FILTER_SZIP, "szip"},
                 {305, "lzo"},
                 {307, "bzip2"},
                 {32000, "lzf"},
                 {32001, "blosc"},
                 {32004, "lz4"},
                 {32008, "bitshuffle"},
                 {32013, "zfp"},
                 {32015, "zstd"},
                 {32017, "sz"},
                 {32026, "blosc2"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].id == id) return names[i].name;
    return "unknown";
}

static int can_decode(H5Z_filter_t id)
{
    unsigned flags = 0;
    if (H5Zfilter_avail(id) <= 0) return 0; /* looks among plugins too */
    return H5Zget_filter_info(id, &flags) < 0 || (flags & H5Z_FILTER_CONFIG_DECODE_ENABLED);
}

static fgmm_status check_filters(const fg_hdf5_place *place, hid_t creation)
{
    fgmm_status status = FGMM_OK;
    const int count = H5Pget_nfilters(creation);
    for (int i = 0; i < count; i++) {
        unsigned flags, config;
        size_t values = 0;
        char name[64] = "";
        const H5Z_filter_t id =
            H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
        FG_CHECK(id >= 0, FGMM_FORMAT, "%s: dataset \"%s\": its filters cannot be read", place->path, place->name);
        FG_CHECK(
            can_decode(id), FGMM_UNSUPPORTED,
            "%s: dataset \"%s\" is compressed by filter %d (%s), which this libhdf5 has not; install its plugin and "
            "set HDF5_PLUGIN_PATH to the plugin's folder",
            place->path, place->name, (int)id, filter_name(id));
    }
done:
    return status;
}

/* ---- chunks ---- */

/* How many chunks the dataset has, and how many have been written; 0 where it has none, or nobody can tell. */
static void count_chunks(hid_t dataset, hid_t creation, uint64_t *all, uint64_t *written)
{
    *all = *written = 0;
#if H5_VERSION_GE(1, 10, 5)
    hsize_t shape[H5S_MAX_RANK], chunk[H5S_MAX_RANK], count = 0;
    const hid_t space = H5Dget_space(dataset);
    const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    if (rank > 0 && H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, rank, chunk) == rank &&
        H5Dget_num_chunks(dataset, space, &count) >= 0) {
        *written = count;
        *all = 1;
        for (int i = 0; i < rank; i++) *all *= chunk[i] > 0 ? fg_ceil_div(shape[i], chunk[i]) : 1;
    }
    H5Sclose(space);
#else
    (void)dataset, (void)creation;
#endif
}

/* Of a damaged file HDF5 1.14 does not tell the storage, which looks like none. */
static fgmm_status check_written(const fg_hdf5_place *place, hid_t dataset)
{
    char why[FG_HDF5_REASON_BYTES];
    if (H5Dget_storage_size(dataset) > 0) return FGMM_OK;
    if (H5Eget_num(H5E_DEFAULT) <= 0)
        return fg_fail(FGMM_DATA, "%s: dataset \"%s\" has never been written", place->path, place->name);
    fg_hdf5_reason(why);
    return fg_fail(FGMM_FORMAT, "%s: dataset \"%s\" cannot be read: %s", place->path, place->name, why);
}

/* A dataset whose numbers lie in its own file. */
static fgmm_status check_stored(const fg_hdf5_place *place, hid_t dataset, hid_t creation)
{
    fgmm_status status = FGMM_OK;
    uint64_t all, written;
    FG_TRY(check_filters(place, creation));
    FG_TRY(check_written(place, dataset));
    count_chunks(dataset, creation, &all, &written);
    FG_CHECK(written >= all, FGMM_DATA,
             "%s: dataset \"%s\": %llu of its %llu chunks have never been written; they would read as fill values",
             place->path, place->name, (ull)(all - written), (ull)all);
done:
    return status;
}

/* ---- virtual datasets ---- */

/* Where libhdf5 looks for the file of a part: in HDF5_VDS_PREFIX, beside the file, and as it is named. */
static hid_t open_part(const char *path, const char *name)
{
    char joined[2 * NAME_BYTES];
    const char *slash = strrchr(path, '/'), *prefix = getenv("HDF5_VDS_PREFIX");
    hid_t file = H5I_INVALID_HID;
    if (name[0] != '/' && prefix && *prefix) {
        snprintf(joined, sizeof joined, "%s/%s", prefix, name);
        file = H5Fopen(joined, H5F_ACC_RDONLY, H5P_DEFAULT);
    }
    if (file < 0 && name[0] != '/' && slash) {
        snprintf(joined, sizeof joined, "%.*s/%s", (int)(slash - path), path, name);
        file = H5Fopen(joined, H5F_ACC_RDONLY, H5P_DEFAULT);
    }
    return file < 0 ? H5Fopen(name, H5F_ACC_RDONLY, H5P_DEFAULT) : file;
}

/* One part: its file is there, and in it the dataset, and all of that. */
static fgmm_status check_part(const fg_hdf5_place *place, hid_t file, hid_t creation, size_t i)
{
    fgmm_status status = FGMM_OK;
    char part_file[NAME_BYTES] = "", part_name[NAME_BYTES] = "";
    hid_t part = H5I_INVALID_HID, dataset = H5I_INVALID_HID, of_part = H5I_INVALID_HID;
    H5Pget_virtual_filename(creation, i, part_file, sizeof part_file);
    H5Pget_virtual_dsetname(creation, i, part_name, sizeof part_name);
    FG_CHECK(!strchr(part_file, '%') && !strchr(part_name, '%'), FGMM_UNSUPPORTED,
             "%s: dataset \"%s\" is virtual, with parts numbered by a pattern (%s, %s); copy it into a dataset of its "
             "own",
             place->path, place->name, part_file, part_name);
    part = strcmp(part_file, ".") == 0 ? file : open_part(place->path, part_file);
    FG_CHECK(part >= 0, FGMM_DATA, "%s: dataset \"%s\" is virtual, and the file %s of its part %zu cannot be opened",
             place->path, place->name, part_file, i);
    dataset = H5Dopen2(part, part_name, H5P_DEFAULT);
    FG_CHECK(dataset >= 0, FGMM_DATA,
             "%s: dataset \"%s\" is virtual, and the file %s has no dataset \"%s\" for its part %zu", place->path,
             place->name, part_file, part_name, i);
    const fg_hdf5_place inner = {part_file, part_name};
    of_part = H5Dget_create_plist(dataset);
    FG_CHECK(H5Pget_layout(of_part) != H5D_VIRTUAL, FGMM_UNSUPPORTED,
             "%s: dataset \"%s\" is virtual, and so is its part %zu (%s, %s); copy it into a dataset of its own",
             place->path, place->name, i, part_file, part_name);
    status = check_stored(&inner, dataset, of_part);
    if (status != FGMM_OK) fg_fail_prefix(status, "%s: dataset \"%s\" is virtual", place->path, place->name);
done:
    if (of_part >= 0) H5Pclose(of_part);
    if (dataset >= 0) H5Dclose(dataset);
    if (part >= 0 && part != file) H5Fclose(part);
    return status;
}

static fgmm_status check_virtual(const fg_hdf5_place *place, hid_t file, hid_t dataset, hid_t creation)
{
    fgmm_status status = FGMM_OK;
    size_t parts = 0;
    uint64_t covered = 0;
    FG_CHECK(H5Pget_virtual_count(creation, &parts) >= 0, FGMM_FORMAT, "%s: dataset \"%s\": its parts cannot be read",
             place->path, place->name);
    const hid_t space = H5Dget_space(dataset);
    const hssize_t all = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    for (size_t i = 0; i < parts; i++) {
        FG_TRY(check_part(place, file, creation, i));
        const hid_t selection = H5Pget_virtual_vspace(creation, i);
        const hssize_t points = H5Sget_select_npoints(selection);
        covered += points > 0 ? (uint64_t)points : 0;
        H5Sclose(selection);
    }
    FG_CHECK(all >= 0 && covered >= (uint64_t)all, FGMM_DATA,
             "%s: dataset \"%s\" is virtual, and its parts hold %llu of its %lld elements", place->path, place->name,
             (ull)covered, (long long)all);
done:
    return status;
}

/* ---- a dataset ---- */

fgmm_status fg_hdf5_check_parts(const fg_hdf5_place *place, hid_t file, hid_t dataset)
{
    const hid_t creation = H5Dget_create_plist(dataset);
    const int is_virtual = H5Pget_layout(creation) == H5D_VIRTUAL;
    const fgmm_status status =
        is_virtual ? check_virtual(place, file, dataset, creation) : check_stored(place, dataset, creation);
    H5Pclose(creation);
    return status;
}

/* ---- links ---- */

/* What the link at `name` says, when it leads nowhere. */
static fgmm_status dangling(const fg_hdf5_place *place, hid_t file, const char *name)
{
    H5L_info_t info;
    char value[NAME_BYTES] = "";
    const char *link_file = "", *object = value;
    unsigned flags;
    if (H5Lget_info(file, name, &info, H5P_DEFAULT) < 0 || info.type == H5L_TYPE_HARD) return FGMM_OK;
    const int is_whole = info.u.val_size < sizeof value;
    if (is_whole) H5Lget_val(file, name, value, sizeof value - 1, H5P_DEFAULT);
    if (info.type != H5L_TYPE_EXTERNAL)
        return fg_fail(FGMM_DATA, "%s: dataset \"%s\" is a link to \"%s\", which is not there", place->path,
                       place->name, object);
    if (is_whole) H5Lunpack_elink_val(value, info.u.val_size, &flags, &link_file, &object);
    return fg_fail(FGMM_DATA, "%s: dataset \"%s\" is a link to \"%s\" in the file %s, which is not there", place->path,
                   place->name, object, link_file);
}

fgmm_status fg_hdf5_check_links(const fg_hdf5_place *place, hid_t file)
{
    fgmm_status status = FGMM_OK;
    char *part = NULL;
    const size_t length = strlen(place->name);
    FG_TRY(FG_ALLOC(&part, length + 1, "name of a dataset"));
    for (size_t i = 1; i <= length; i++) {
        if (place->name[i] != '/' && place->name[i] != 0) continue;
        memcpy(part, place->name, i);
        part[i] = 0;
        if (H5Lexists(file, part, H5P_DEFAULT) <= 0) break;
        if (H5Oexists_by_name(file, part, H5P_DEFAULT) > 0) continue;
        FG_TRY(dangling(place, file, part));
        break;
    }
done:
    free(part);
    return status;
}
