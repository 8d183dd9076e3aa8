/* test_choice.c - which of several devices is taken, by default and by name, and what is said of it. Asks no driver. */
#include "support.h"

#include "handle.h"

#include <stdio.h>
#include <string.h>

/* Machines of up to four devices, in the order of their loader. */
typedef struct listed {
    fgmm_device_kind kind;
    int has_own_memory;
    uint32_t compute_units;
    const char *problem, *name, *pci_address;
} listed;

enum { MOST = 4 };

typedef struct machine {
    listed devices[MOST];
    size_t count, chosen;
    const char *why[MOST]; /* how reasons begin */
} machine;

static const machine machines[] = {
    {{{FGMM_DEVICE_CPU, 0, 64, NULL, "a", ""}}, 1, 0, {"the default as the only CPU; "}},
    {{{FGMM_DEVICE_CPU, 0, 2, NULL, "a", ""}, {FGMM_DEVICE_CPU, 0, 64, NULL, "b", ""}},
     2,
     0,
     {"the default as the first CPU; ", "not the default since device 0, a CPU too, comes first; "}},
    {{{FGMM_DEVICE_CPU, 0, 192, NULL, "a", ""}, {FGMM_DEVICE_GPU, 0, 1, NULL, "b", ""}},
     2,
     1,
     {"not the default since device 1 is a GPU; ", "the default as the only GPU; "}},
    {{{FGMM_DEVICE_CPU, 0, 192, NULL, "a", ""}, {FGMM_DEVICE_GPU, 1, 80, "no compiler", "b", ""}},
     2,
     0,
     {"the default as the only CPU; ", "cannot be used: no compiler"}},
    {{{FGMM_DEVICE_GPU, 0, 96, NULL, "a", ""},
      {FGMM_DEVICE_CPU, 0, 16, NULL, "b", ""},
      {FGMM_DEVICE_GPU, 1, 28, NULL, "c", ""}},
     3,
     2,
     {"not the default since device 2 has memory of its own; ", "not the default since device 2 is a GPU; ",
      "the default as the GPU with memory of its own; "}},
    {{{FGMM_DEVICE_GPU, 1, 28, NULL, "a", ""},
      {FGMM_DEVICE_GPU, 1, 132, NULL, "b", ""},
      {FGMM_DEVICE_GPU, 0, 512, NULL, "c", ""}},
     3,
     1,
     {"not the default since device 1 has more compute units; ", "the default as the GPU with the most compute units; ",
      "not the default since device 1 has memory of its own; "}},
    {{{FGMM_DEVICE_GPU, 1, 132, NULL, "a", "0000:17:00.0"}, {FGMM_DEVICE_GPU, 1, 132, NULL, "a", "0000:65:00.0"}},
     2,
     0,
     {"the default as the first GPU of several alike; ", "not the default since device 0, a GPU too, comes first; "}},
    {{{FGMM_DEVICE_OTHER, 1, 132, NULL, "a", ""},
      {FGMM_DEVICE_CPU, 0, 16, NULL, "b", ""},
      {FGMM_DEVICE_ACCELERATOR, 0, 1, NULL, "c", ""},
      {FGMM_DEVICE_ACCELERATOR, 1, 1, NULL, "d", ""}},
     4,
     3,
     {"not the default since device 3 is an accelerator; ", "not the default since device 3 is an accelerator; ",
      "not the default since device 3 has memory of its own; ",
      "the default as the accelerator with memory of its own; "}},
    {{{FGMM_DEVICE_GPU, 1, 80, "no compiler", "a", ""}}, 1, 1, {"cannot be used: no compiler"}},
};
enum { MACHINES = sizeof machines / sizeof machines[0] };

static void list(fg_found_device found[MOST], const machine *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const listed *device = &m->devices[i];
        found[i] = (fg_found_device){
            .info = {.size = sizeof found->info,
                     .index = (uint32_t)i,
                     .kind = device->kind,
                     .backend = device->kind == FGMM_DEVICE_CPU ? FGMM_BACKEND_CPU_SIMD : FGMM_BACKEND_MATRIX_UNIT,
                     .compute_units = device->compute_units,
                     .has_own_memory = device->has_own_memory,
                     .platform = "Platform"}};
        snprintf(found[i].info.name, sizeof found[i].info.name, "%s", device->name);
        snprintf(found[i].info.pci_address, sizeof found[i].info.pci_address, "%s", device->pci_address);
        if (device->problem) snprintf(found[i].problem, sizeof found[i].problem, "%s", device->problem);
    }
    fg_platform_explain(found, m->count);
}

START_TEST(test_choice__the_best_is_the_default_and_says_why)
{
    const machine *m = &machines[_i];
    fg_found_device found[MOST];
    const fg_found_device *chosen;
    list(found, m);
    for (size_t i = 0; i < m->count; i++) {
        const fgmm_device_info *info = &found[i].info;
        ck_assert_int_eq(info->is_default, i == m->chosen);
        ck_assert_msg(strncmp(info->reason, m->why[i], strlen(m->why[i])) == 0, "device %zu: %s", i, info->reason);
        /* the longest are not cut */
        ck_assert_uint_lt(strlen(info->reason), sizeof info->reason - 1);
    }
    if (m->chosen == m->count) {
        ck_fails(fg_platform_choose(&chosen, found, m->count, 1, NULL), FGMM_NO_DEVICE, "no device can be used");
        return;
    }
    ck_ok(fg_platform_choose(&chosen, found, m->count, 1, NULL));
    ck_assert_ptr_eq(chosen, &found[m->chosen]);
}
END_TEST

/* An index, a part of a name, or a PCI address; of several that have the part, the one that the default rule prefers.
 */
START_TEST(test_choice__by_index_name_and_address)
{
    static const machine m = {{{FGMM_DEVICE_CPU, 0, 64, NULL, "Xeon by Maker", ""},
                               {FGMM_DEVICE_GPU, 1, 132, NULL, "Card by Maker", "0000:17:00.0"},
                               {FGMM_DEVICE_GPU, 1, 132, NULL, "Card by Maker", "0001:17:00.0"},
                               {FGMM_DEVICE_GPU, 1, 132, "no compiler", "Broken card", "0000:99:00.0"}},
                              4,
                              1,
                              {NULL}};
    static const struct {
        const char *match;
        size_t index;
    } cases[] = {{"0", 0},    {"2", 2},     {"card by", 1},      {"maker", 1},
                 {"xeon", 0}, {"17:00", 1}, {"0000:17:00.0", 1}, {"0001:17:00.0", 2},
                 {"card", 1}};
    fg_found_device found[MOST];
    const fg_found_device *chosen;
    list(found, &m);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        now_testing("\"%s\"", cases[i].match);
        ck_ok(fg_platform_choose(&chosen, found, m.count, 1, cases[i].match));
        ck_assert_uint_eq(chosen->info.index, cases[i].index);
    }
    ck_fails(fg_platform_choose(&chosen, found, m.count, 1, "0000:99"), FGMM_NO_DEVICE, "no compiler");
    ck_fails(fg_platform_choose(&chosen, found, m.count, 1, "0000:18"), FGMM_NO_DEVICE,
             "2: Platform Card by Maker 0001:17:00.0");
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("choice");
    TCase *cases = tcase_create("choice");
    tcase_add_loop_test(cases, test_choice__the_best_is_the_default_and_says_why, 0, MACHINES);
    tcase_add_test(cases, test_choice__by_index_name_and_address);
    suite_add_tcase(s, cases);
    return s;
}
