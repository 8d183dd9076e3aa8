/* test_data_hdf5_parts.c - .hdf5 files of other programs: integers, MATLAB's matrices, virtual datasets, and what is
 * missing: filters, chunks, the ends of links. No device. */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "support.h"

#ifdef FG_HAS_HDF5
#define H5_USE_110_API
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 40, DIMS = 3 };

static hid_t new_file(const char *name)
{
    const hid_t file = H5Fcreate(temporary_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

/* A dataset of (rows,dims) numbers; chunk_rows 0: contiguous. creation is closed. */
static hid_t add_dataset(hid_t file, const char *name, hid_t type, hsize_t rows, hsize_t dims, hsize_t chunk_rows)
{
    const hsize_t shape[2] = {rows, dims}, chunk[2] = {chunk_rows, dims};
    const hid_t space = H5Screate_simple(2, shape, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk_rows) H5Pset_chunk(creation, 2, chunk);
    const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ck_assert(dataset >= 0);
    H5Pclose(creation);
    H5Sclose(space);
    return dataset;
}

static void write_doubles(hid_t dataset, const double *values)
{
    ck_assert(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
}

/* values (ROWS,DIMS): 0, 1, 2 ... */
static const double *counting(void)
{
    static double values[ROWS * DIMS];
    for (int i = 0; i < ROWS * DIMS; i++) values[i] = i;
    return values;
}

static fgmm_status open_close(const char *name)
{
    fgmm_source *source;
    fgmm_status status = fgmm_source_open(&source, temporary_path(name), NULL);
    if (status == FGMM_OK) status = read_until_failure(source, 7);
    fgmm_source_close(source);
    return status;
}

/* The rows are 0, 1, 2 ... as `type`. */
static void expect_counting(const char *name, fgmm_type type)
{
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_open(&source, temporary_path(name), NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_int_eq(info.type, type);
    ck_assert(info.rows == ROWS && info.dims == DIMS);
    for (uint64_t capacity = 1; capacity <= ROWS + 1; capacity += 13) {
        uint64_t rows;
        void *all = read_rows(source, capacity, &rows);
        ck_assert_uint_eq(rows, ROWS);
        for (int i = 0; i < ROWS * DIMS; i++) {
            const double value = type == FGMM_F64   ? ((double *)all)[i]
                                 : type == FGMM_F32 ? (double)((float *)all)[i]
                                                    : ((uint8_t *)all)[i];
            ck_assert_double_eq(value, i);
        }
        free(all);
    }
    fgmm_source_close(source);
}

START_TEST(test_hdf5__integers_become_exact_floats)
{
    const struct {
        hid_t type;
        fgmm_type expected;
    } cases[] = {{H5T_STD_U8BE, FGMM_U8},   {H5T_STD_I16LE, FGMM_F32}, {H5T_STD_U16BE, FGMM_F32},
                 {H5T_STD_I32BE, FGMM_F64}, {H5T_STD_U32LE, FGMM_F64}, {H5T_STD_I64BE, FGMM_F64},
                 {H5T_STD_U64LE, FGMM_F64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const hid_t file = new_file("whole.h5"), dataset = add_dataset(file, "train", cases[i].type, ROWS, DIMS, 8);
        write_doubles(dataset, counting());
        H5Dclose(dataset);
        H5Fclose(file);
        expect_counting("whole.h5", cases[i].expected);
    }
    const int64_t large[] = {1, 2, 3, 9007199254740993};
    const hid_t file = new_file("large.h5"), dataset = add_dataset(file, "train", H5T_STD_I64LE, 2, 2, 0);
    ck_assert(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, large) >= 0);
    H5Dclose(dataset);
    H5Fclose(file);
    ck_fails(open_close("large.h5"), FGMM_DATA, "row 1, column 1: 9007199254740993 has no exact value");
}
END_TEST

/* h5py's bool is an enumeration, and one column may be one dimension. */
START_TEST(test_hdf5__bool_and_one_dimension)
{
    const signed char values[] = {0, 1, 1};
    const hsize_t shape = 3;
    const hid_t file = new_file("bool.h5"), type = H5Tenum_create(H5T_STD_I8LE),
                space = H5Screate_simple(1, &shape, NULL);
    signed char no = 0, yes = 1;
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    const hid_t dataset = H5Dcreate2(file, "train", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_open(&source, temporary_path("bool.h5"), NULL));
    signed char *all = read_rows(source, 2, &rows);
    ck_assert_uint_eq(rows, 3);
    ck_assert_mem_eq(all, values, sizeof values);
    free(all);
    fgmm_source_close(source);
}
END_TEST

static void set_matlab_class(hid_t dataset, const char *class)
{
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(class));
    const hid_t attribute = H5Acreate2(dataset, "MATLAB_class", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Awrite(attribute, type, class) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

START_TEST(test_hdf5__matlab_matrices_are_turned)
{
    static double columns[ROWS * DIMS];
    for (int i = 0; i < ROWS * DIMS; i++) columns[i % DIMS * ROWS + i / DIMS] = i;
    for (hsize_t chunk = 0; chunk < 3; chunk++) {
        const hid_t file = new_file("mat.h5"), dataset = add_dataset(file, "train", H5T_IEEE_F64LE, DIMS, ROWS, chunk);
        write_doubles(dataset, columns);
        set_matlab_class(dataset, "double");
        H5Dclose(dataset);
        H5Fclose(file);
        expect_counting("mat.h5", FGMM_F64);
    }
    const hid_t file = new_file("mat.h5"), dataset = add_dataset(file, "train", H5T_STD_U16LE, DIMS, ROWS, 0);
    write_doubles(dataset, columns);
    set_matlab_class(dataset, "char");
    H5Dclose(dataset);
    H5Fclose(file);
    ck_fails(open_close("mat.h5"), FGMM_FORMAT, "of MATLAB's class char");
}
END_TEST

/* More than the 4 MiB of one slab: the next one begins where it ended, whatever the batches are. */
START_TEST(test_hdf5__turned_matrices_of_several_slabs)
{
    enum { MANY = 200000, BATCH = 90000 };
    double *columns = malloc(sizeof *columns * MANY * DIMS);
    for (int i = 0; i < MANY * DIMS; i++) columns[i % DIMS * MANY + i / DIMS] = i;
    const hid_t file = new_file("many.h5"), dataset = add_dataset(file, "train", H5T_IEEE_F64LE, DIMS, MANY, 0);
    write_doubles(dataset, columns);
    set_matlab_class(dataset, "double");
    H5Dclose(dataset);
    H5Fclose(file);
    free(columns);
    for (uint64_t capacity = BATCH; capacity <= MANY; capacity += MANY - BATCH) {
        fgmm_source *source;
        uint64_t rows;
        ck_ok(fgmm_source_open(&source, temporary_path("many.h5"), NULL));
        double *all = read_rows(source, capacity, &rows);
        ck_assert_uint_eq(rows, MANY);
        for (int i = 0; i < MANY * DIMS; i++)
            if (all[i] != i) ck_abort_msg("number %d is %g", i, all[i]);
        free(all);
        fgmm_source_close(source);
    }
}
END_TEST

/* all.h5: the first half from part.h5, the rest from `name`. */
static void write_virtual(const char *name, hsize_t covered)
{
    const hsize_t shape[2] = {ROWS, DIMS}, half[2] = {ROWS / 2, DIMS}, part[2] = {covered, DIMS};
    const hid_t all = H5Screate_simple(2, shape, NULL), source = H5Screate_simple(2, half, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const char *const files[] = {"part.h5", name};
    for (hsize_t i = 0; i < 2; i++) {
        const hsize_t start[2] = {i * ROWS / 2, 0}, zero[2] = {0, 0}, *count = i ? part : half;
        H5Sselect_hyperslab(all, H5S_SELECT_SET, start, NULL, count, NULL);
        H5Sselect_hyperslab(source, H5S_SELECT_SET, zero, NULL, count, NULL);
        ck_assert(H5Pset_virtual(creation, all, files[i], "emb", source) >= 0);
    }
    H5Sselect_all(all);
    const hid_t file = H5Fcreate(temporary_path("all.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t dataset = H5Dcreate2(file, "train", H5T_IEEE_F64LE, all, H5P_DEFAULT, creation, H5P_DEFAULT);
    ck_assert(dataset >= 0);
    H5Dclose(dataset);
    H5Fclose(file);
    H5Pclose(creation);
    H5Sclose(source);
    H5Sclose(all);
}

START_TEST(test_hdf5__virtual_datasets_are_read_or_what_lacks_is_named)
{
    const char *const names[] = {"part.h5", "part2.h5"};
    for (int i = 0; i < 2; i++) {
        const hid_t file = new_file(names[i]), dataset = add_dataset(file, "emb", H5T_IEEE_F64LE, ROWS / 2, DIMS, 4);
        write_doubles(dataset, counting() + i * ROWS * DIMS / 2);
        H5Dclose(dataset);
        H5Fclose(file);
    }
    write_virtual("part2.h5", ROWS / 2);
    expect_counting("all.h5", FGMM_F64);
    write_virtual("gone.h5", ROWS / 2);
    ck_fails(open_close("all.h5"), FGMM_DATA, "is virtual, and the file gone.h5 of its part 1 cannot be opened");
    write_virtual("part2.h5", ROWS / 4);
    ck_fails(open_close("all.h5"), FGMM_DATA, "its parts hold 90 of its 120 elements");
    hid_t file = new_file("part2.h5");
    H5Fclose(file);
    write_virtual("part2.h5", ROWS / 2);
    ck_fails(open_close("all.h5"), FGMM_DATA, "the file part2.h5 has no dataset \"emb\"");
    file = new_file("part2.h5");
    H5Dclose(add_dataset(file, "emb", H5T_IEEE_F64LE, ROWS / 2, DIMS, 4));
    H5Fclose(file);
    ck_fails(open_close("all.h5"), FGMM_DATA, "is virtual: part2.h5: dataset \"emb\" has never been written");
    const hsize_t half[2] = {ROWS / 2, DIMS};
    const hid_t space = H5Screate_simple(2, half, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert(H5Pset_virtual(creation, space, "part.h5", "emb", space) >= 0);
    file = new_file("part2.h5");
    H5Dclose(H5Dcreate2(file, "emb", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(creation);
    H5Sclose(space);
    ck_fails(open_close("all.h5"), FGMM_UNSUPPORTED, "is virtual, and so is its part 1 (part2.h5, emb)");
}
END_TEST

/* A filter that exists while the file is written and not when it is read. */
static size_t pass_on(unsigned flags, size_t count, const unsigned *values, size_t bytes, size_t *buffer_bytes,
                      void **buffer)
{
    (void)flags, (void)count, (void)values, (void)buffer_bytes, (void)buffer;
    return bytes;
}

START_TEST(test_hdf5__missing_filters_are_named_when_opening)
{
    const H5Z_class2_t zstd = {H5Z_CLASS_T_VERS, 32015, 1, 1, "a filter", NULL, NULL, pass_on};
    const hsize_t shape[2] = {ROWS, DIMS}, chunk[2] = {8, DIMS};
    setenv("HDF5_PLUGIN_PATH", "/nonexistent", 1);
    ck_assert(H5Zregister(&zstd) >= 0);
    const hid_t file = new_file("z.h5"), space = H5Screate_simple(2, shape, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    ck_assert(H5Pset_filter(creation, 32015, H5Z_FLAG_MANDATORY, 0, NULL) >= 0);
    const hid_t dataset = H5Dcreate2(file, "train", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    write_doubles(dataset, counting());
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    expect_counting("z.h5", FGMM_F64);
    ck_assert(H5Zunregister(32015) >= 0);
    fgmm_source *source;
    ck_fails(fgmm_source_open(&source, temporary_path("z.h5"), NULL), FGMM_UNSUPPORTED, "by filter 32015 (zstd)");
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "HDF5_PLUGIN_PATH"));
}
END_TEST

START_TEST(test_hdf5__chunks_that_were_not_written_are_counted)
{
#if H5_VERSION_GE(1, 10, 5)
    const hsize_t start[2] = {8, 0}, count[2] = {8, DIMS};
    const hid_t file = new_file("part.h5"), dataset = add_dataset(file, "train", H5T_IEEE_F64LE, ROWS, DIMS, 8);
    const hid_t space = H5Dget_space(dataset), memory = H5Screate_simple(2, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    ck_assert(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, counting()) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    ck_fails(open_close("part.h5"), FGMM_DATA, "4 of its 5 chunks have never been written");
#endif
}
END_TEST

START_TEST(test_hdf5__links_that_lead_nowhere_are_told_from_names_that_are_not_there)
{
    hid_t file = new_file("links.h5");
    H5Lcreate_soft("/gone/x", file, "train", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("nofile.h5", "/y", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_soft("/nothing", file, "group/inner", H5P_DEFAULT, H5P_DEFAULT);
    const hid_t dataset = add_dataset(file, "real", H5T_IEEE_F64LE, ROWS, DIMS, 0);
    write_doubles(dataset, counting());
    H5Dclose(dataset);
    H5Lcreate_soft("/real", file, "sound", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    const struct {
        const char *name;
        fgmm_status code;
        const char *text;
    } cases[] = {
        {"train", FGMM_DATA, "is a link to \"/gone/x\", which is not there"},
        {"outside", FGMM_DATA, "is a link to \"/y\" in the file nofile.h5, which is not there"},
        {"group/inner/deep", FGMM_DATA, "is a link to \"/nothing\", which is not there"},
        {"group", FGMM_FORMAT, "has no dataset \"group\", which is a group; it holds: real"},
        {"absent", FGMM_FORMAT, "has no dataset \"absent\"; it holds: real"},
        {"sound", FGMM_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_source *source;
        fgmm_file_options options = fgmm_file_options_init();
        options.dataset = cases[i].name;
        const fgmm_status status = fgmm_source_open(&source, temporary_path("links.h5"), &options);
        ck_assert_msg(status == cases[i].code, "%s: %s", cases[i].name, fgmm_last_error());
        if (status != FGMM_OK) ck_assert_msg(strstr(fgmm_last_error(), cases[i].text) != NULL, "%s", fgmm_last_error());
        fgmm_source_close(source);
    }
}
END_TEST

/* As ann-benchmarks writes them: int32, beside the queries. */
START_TEST(test_hdf5__neighbors_are_ground_truth)
{
    const hid_t file = new_file("ann.hdf5"), dataset = add_dataset(file, "neighbors", H5T_STD_I32LE, ROWS, DIMS, 0);
    write_doubles(dataset, counting());
    H5Dclose(dataset);
    H5Fclose(file);
    int64_t *ids;
    uint64_t rows, cols;
    ck_ok(fgmm_ids_read(&ids, &rows, &cols, temporary_path("ann.hdf5")));
    ck_assert(rows == ROWS && cols == DIMS);
    for (int i = 0; i < ROWS * DIMS; i++) ck_assert_int_eq(ids[i], i);
    free(ids);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_hdf5__integers_become_exact_floats,
        test_hdf5__bool_and_one_dimension,
        test_hdf5__matlab_matrices_are_turned,
        test_hdf5__turned_matrices_of_several_slabs,
        test_hdf5__virtual_datasets_are_read_or_what_lacks_is_named,
        test_hdf5__missing_filters_are_named_when_opening,
        test_hdf5__chunks_that_were_not_written_are_counted,
        test_hdf5__links_that_lead_nowhere_are_told_from_names_that_are_not_there,
        test_hdf5__neighbors_are_ground_truth,
    };
    Suite *s = suite_create("data_hdf5_parts");
    ADD_CASE(s, "hdf5", NULL, NULL, 120, tests);
    return s;
}

#else

START_TEST(test_hdf5__ids_need_it)
{
    int64_t *ids;
    uint64_t rows, cols;
    ck_fails(fgmm_ids_read(&ids, &rows, &cols, write_file("a.h5", "x", 1)), FGMM_UNSUPPORTED, "not built");
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {test_hdf5__ids_need_it};
    Suite *s = suite_create("data_hdf5_parts");
    ADD_CASE(s, "hdf5", NULL, NULL, 60, tests);
    return s;
}

#endif
