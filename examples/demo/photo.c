/* photo.c - the demo's two ends: a photograph becomes rows to cluster, and a trained mixture becomes a picture.
 *
 *     demo_photo rows PHOTO.ppm ROWS.npy                        one row per pixel: x, y, and its colour as luma and
 * chroma demo_photo paint PHOTO.ppm MODEL LABELS.npy PICTURE.ppm   four panels, see paint() below
 *
 * Training and labelling lie between the two and are done by the program `flashgmm`: scripts/demo. */
#include "flashgmm/flashgmm.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS = 5 }; /* x, y (pixels), luma, blue and red difference (0..255 each, the last two about 0) */

typedef struct picture {
    int width, height;
    uint8_t *rgb; /* (height, width, 3) */
} picture;

typedef struct mixture {
    size_t k;
    const double *weights;   /* (k) */
    const double *means;     /* (k,DIMS) */
    const double *variances; /* (k,DIMS) */
} mixture;

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "demo_photo: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *allocate(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory) stop("memory", "too little");
    return memory;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (!file) stop(path, "cannot be opened");
    return file;
}

static picture picture_new(int width, int height)
{
    return (picture){width, height, allocate((size_t)width * (size_t)height, 3)};
}

/* Binary PPM without comments, as djpeg writes it. */
static picture picture_read(const char *path)
{
    int width, height;
    FILE *file = open_file(path, "rb");
    if (fscanf(file, "P6 %d %d 255", &width, &height) != 2 || width < 1 || height < 1 || width > 8192 || height > 8192)
        stop(path, "is no PPM file of at most 8192 x 8192 pixels");
    picture p = picture_new(width, height);
    if (fgetc(file) == EOF || fread(p.rgb, 3, (size_t)width * (size_t)height, file) != (size_t)width * (size_t)height)
        stop(path, "ends too early");
    fclose(file);
    return p;
}

static void picture_write(const picture *p, const char *path)
{
    FILE *file = open_file(path, "wb");
    fprintf(file, "P6\n%d %d\n255\n", p->width, p->height);
    fwrite(p->rgb, 3, (size_t)p->width * (size_t)p->height, file);
    if (fclose(file) != 0) stop(path, "cannot be written");
}

/* ITU-R BT.601 luma and chroma: they vary more independently than red, green and blue, which suits covariances without
 * off-diagonal terms. */
static void colour_from_rgb(float colour[3], const uint8_t rgb[3])
{
    float r = rgb[0], g = rgb[1], b = rgb[2];
    colour[0] = 0.299f * r + 0.587f * g + 0.114f * b;
    colour[1] = 0.564f * (b - colour[0]);
    colour[2] = 0.713f * (r - colour[0]);
}

static uint8_t byte_of(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

static void rgb_from_colour(uint8_t rgb[3], const double colour[3])
{
    double r = colour[0] + colour[2] / 0.713, b = colour[0] + colour[1] / 0.564;
    rgb[0] = byte_of(r);
    rgb[1] = byte_of((colour[0] - 0.299 * r - 0.114 * b) / 0.587);
    rgb[2] = byte_of(b);
}

/* NumPy's format 1.0: magic, version, length of the header, header text padded to a multiple of 64 bytes, rows. */
static void write_rows(const picture *p, const char *path)
{
    char header[129];
    int text = snprintf(header, sizeof header,
                        "\x93NUMPY\x01%c\x76%c{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %d), }", 0, 0,
                        (size_t)p->width * (size_t)p->height, DIMS);
    memset(header + text, ' ', 127 - (size_t)text);
    header[127] = '\n';
    FILE *file = open_file(path, "wb");
    fwrite(header, 1, 128, file);
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            float row[DIMS] = {(float)x, (float)y};
            colour_from_rgb(row + 2, p->rgb + 3 * ((size_t)y * (size_t)p->width + (size_t)x));
            fwrite(row, sizeof *row, DIMS, file);
        }
    if (fclose(file) != 0) stop(path, "cannot be written");
}

/* The count int32 values of a .npy file that `flashgmm predict` wrote. */
static int32_t *read_labels(const char *path, size_t count)
{
    unsigned char head[10];
    int32_t *labels = allocate(count, sizeof *labels);
    FILE *file = open_file(path, "rb");
    if (fread(head, 1, sizeof head, file) != sizeof head || fseek(file, head[8] + 256 * head[9], SEEK_CUR) != 0 ||
        fread(labels, sizeof *labels, count, file) != count)
        stop(path, "holds fewer labels than the photograph has pixels");
    fclose(file);
    return labels;
}

/* Panel: each pixel in the mean colour of its component. */
static void paint_segments(picture *to, const mixture *m, const int32_t *labels)
{
    for (size_t i = 0; i < (size_t)to->width * (size_t)to->height; i++)
        rgb_from_colour(to->rgb + 3 * i, m->means + DIMS * (size_t)labels[i] + 2);
}

/* exp(-(t - mean)^2 / 2 variance) / sigma for t = 0..length-1, of coordinate `axis`: (k,length). */
static double *profiles(const mixture *m, int axis, int length)
{
    double *values = allocate(m->k * (size_t)length, sizeof *values);
    for (size_t c = 0; c < m->k; c++)
        for (int t = 0; t < length; t++) {
            double from_mean = t - m->means[c * DIMS + (size_t)axis], variance = m->variances[c * DIMS + (size_t)axis];
            values[c * (size_t)length + (size_t)t] = exp(-from_mean * from_mean / (2 * variance)) / sqrt(variance);
        }
    return values;
}

/* Panel: the colour that the mixture expects where it is told only the position,
 * sum_k p(k | x, y) colour_k with p(k | x, y) ~ weight_k N(x) N(y). */
static void paint_expectation(picture *to, const mixture *m)
{
    double *across = profiles(m, 0, to->width), *down = profiles(m, 1, to->height);
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++) {
            double sum = 1e-300, colour[3] = {0};
            for (size_t c = 0; c < m->k; c++) {
                double p = m->weights[c] * across[c * (size_t)to->width + (size_t)x] *
                           down[c * (size_t)to->height + (size_t)y];
                sum += p;
                for (int i = 0; i < 3; i++) colour[i] += p * m->means[c * DIMS + 2 + (size_t)i];
            }
            for (int i = 0; i < 3; i++) colour[i] /= sum;
            rgb_from_colour(to->rgb + 3 * ((size_t)y * (size_t)to->width + (size_t)x), colour);
        }
    free(down);
    free(across);
}

typedef struct ellipse {
    double area; /* up to a factor */
    size_t component;
} ellipse;

static int larger_first(const void *a, const void *b)
{
    double first = ((const ellipse *)a)->area, second = ((const ellipse *)b)->area;
    return (first < second) - (first > second);
}

/* Panel: each component as an ellipse of 1.75 standard deviations in its mean colour (where a box filled evenly
 * would end), large ones behind small ones. */
static void paint_ellipses(picture *to, const mixture *m)
{
    ellipse *ellipses = allocate(m->k, sizeof *ellipses);
    for (size_t c = 0; c < m->k; c++) ellipses[c] = (ellipse){m->variances[c * DIMS] * m->variances[c * DIMS + 1], c};
    qsort(ellipses, m->k, sizeof *ellipses, larger_first);
    for (size_t i = 0; i < m->k; i++) {
        size_t first = ellipses[i].component * DIMS;
        const double *mean = m->means + first, *variance = m->variances + first;
        double half_width = 1.75 * sqrt(variance[0]), half_height = 1.75 * sqrt(variance[1]);
        for (int y = (int)fmax(0, ceil(mean[1] - half_height)); y < to->height && y <= mean[1] + half_height; y++) {
            double v = (y - mean[1]) / half_height, reach = half_width * sqrt(fmax(0, 1 - v * v));
            for (int x = (int)fmax(0, ceil(mean[0] - reach)); x < to->width && x <= mean[0] + reach; x++)
                rgb_from_colour(to->rgb + 3 * ((size_t)y * (size_t)to->width + (size_t)x), mean + 2);
        }
    }
    free(ellipses);
}

/* Puts a panel into the picture with its upper left corner at (left, top). */
static void place(picture *to, const picture *panel, int left, int top)
{
    for (int y = 0; y < panel->height; y++)
        memcpy(to->rgb + 3 * ((size_t)(top + y) * (size_t)to->width + (size_t)left),
               panel->rgb + 3 * (size_t)y * (size_t)panel->width, 3 * (size_t)panel->width);
}

/* Four panels: the photograph | each pixel in its component's mean colour
 *              the components as ellipses | the colour expected at each position */
static picture paint(const picture *photo, const mixture *m, const int32_t *labels)
{
    enum { GAP = 8 };
    int w = photo->width, h = photo->height;
    picture all = picture_new(2 * w + GAP, 2 * h + GAP), panel = picture_new(w, h);
    memset(all.rgb, 255, 3 * (size_t)all.width * (size_t)all.height);
    place(&all, photo, 0, 0);
    paint_segments(&panel, m, labels);
    place(&all, &panel, w + GAP, 0);
    memset(panel.rgb, 0, 3 * (size_t)w * (size_t)h);
    paint_ellipses(&panel, m);
    place(&all, &panel, 0, h + GAP);
    paint_expectation(&panel, m);
    place(&all, &panel, w + GAP, h + GAP);
    free(panel.rgb);
    return all;
}

static void paint_files(const picture *photo, const char *model_path, const char *labels_path, const char *path)
{
    fgmm_model *model;
    fgmm_model_info info = fgmm_model_info_init();
    if (fgmm_model_load(&model, model_path) != FGMM_OK || fgmm_model_describe(model, &info) != FGMM_OK)
        stop(model_path, fgmm_last_error());
    if (info.dims != DIMS || info.covariance != FGMM_DIAG)
        stop(model_path, "need 5 dimensions and diagonal covariances");
    size_t pixels = (size_t)photo->width * (size_t)photo->height;
    int32_t *labels = read_labels(labels_path, pixels);
    for (size_t i = 0; i < pixels; i++)
        if (labels[i] < 0 || (uint64_t)labels[i] >= info.components)
            stop(labels_path, "names a component that is not there");
    mixture m = {(size_t)info.components, fgmm_model_weights(model), fgmm_model_means(model),
                 fgmm_model_covariances(model)};
    picture all = paint(photo, &m, labels);
    picture_write(&all, path);
    free(all.rgb);
    free(labels);
    fgmm_model_free(model);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    int is_rows = strcmp(verb, "rows") == 0 && argc == 4, is_paint = strcmp(verb, "paint") == 0 && argc == 6;
    if (!is_rows && !is_paint) stop("usage", "rows PHOTO.ppm ROWS.npy | paint PHOTO.ppm MODEL LABELS.npy PICTURE.ppm");
    picture photo = picture_read(argv[2]);
    if (is_rows) write_rows(&photo, argv[3]);
    if (is_paint) paint_files(&photo, argv[3], argv[4], argv[5]);
    free(photo.rgb);
    return EXIT_SUCCESS;
}
