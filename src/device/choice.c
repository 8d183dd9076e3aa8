/* choice.c - which of the listed devices is taken, and why. Asks no driver. */
#include "handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the best one ---- */

/* What tells two devices apart, the most important first. */
typedef enum difference { BY_KIND, BY_MEMORY, BY_UNITS, BY_ORDER } difference;

static int rank_of(fgmm_device_kind kind)
{
    static const int ranks[] = {
        [FGMM_DEVICE_OTHER] = 0, [FGMM_DEVICE_CPU] = 1, [FGMM_DEVICE_ACCELERATOR] = 2, [FGMM_DEVICE_GPU] = 3};
    return ranks[kind];
}

/* What makes one of them the better one. CPUs share memory with the host in any case, and several of them are several
 * drivers of one processor: the first is as good as the others. */
static difference compare(const fgmm_device_info *a, const fgmm_device_info *b)
{
    if (a->kind != b->kind) return BY_KIND;
    if (a->kind == FGMM_DEVICE_CPU) return BY_ORDER;
    if (a->has_own_memory != b->has_own_memory) return BY_MEMORY;
    return a->compute_units != b->compute_units ? BY_UNITS : BY_ORDER;
}

/* Is `a` better than `b`, which comes before it in the list? */
static int is_better(const fgmm_device_info *a, const fgmm_device_info *b)
{
    switch (compare(a, b)) {
    case BY_KIND:
        return rank_of(a->kind) > rank_of(b->kind);
    case BY_MEMORY:
        return a->has_own_memory;
    case BY_UNITS:
        return a->compute_units > b->compute_units;
    case BY_ORDER:
        break;
    }
    return 0;
}

static int contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; strlen(text) >= length; text++)
        if (strncasecmp(text, part, length) == 0) return 1;
    return 0;
}

/* Is the part in "platform name device name PCI address"? NULL is in all. */
static int has_part(const fgmm_device_info *info, const char *part)
{
    char all[sizeof info->platform + sizeof info->name + sizeof info->pci_address];
    snprintf(all, sizeof all, "%s %s %s", info->platform, info->name, info->pci_address);
    return !part || contains(all, part);
}

/* The best device that can be used, of those that have the part and are not number `but`; count when there is none. */
static size_t best_of(const fg_found_device *found, size_t count, const char *part, size_t but)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++)
        if (i != but && !found[i].problem[0] && has_part(&found[i].info, part) &&
            (best == count || is_better(&found[i].info, &found[best].info)))
            best = i;
    return best;
}

/* ---- why ---- */

static const char *kind_name(fgmm_device_kind kind)
{
    static const char *const names[] = {"other device", "CPU", "GPU", "accelerator"};
    return names[kind];
}

static void explain_chosen(char *to, size_t capacity, const fgmm_device_info *info, const fgmm_device_info *second)
{
    const char *kind = kind_name(info->kind);
    switch (second ? compare(info, second) : BY_KIND) {
    case BY_KIND:
        snprintf(to, capacity, "the default as the only %s", kind);
        break;
    case BY_MEMORY:
        snprintf(to, capacity, "the default as the %s with memory of its own", kind);
        break;
    case BY_UNITS:
        snprintf(to, capacity, "the default as the %s with the most compute units", kind);
        break;
    case BY_ORDER:
        snprintf(to, capacity, "the default as the first %s%s", kind,
                 info->kind == FGMM_DEVICE_CPU ? "" : " of several alike");
        break;
    }
}

static void explain_other(char *to, size_t capacity, const fgmm_device_info *info, const fgmm_device_info *chosen)
{
    const unsigned index = chosen->index;
    switch (compare(info, chosen)) {
    case BY_KIND:
        snprintf(to, capacity, "not the default since device %u is a%s %s", index,
                 chosen->kind == FGMM_DEVICE_ACCELERATOR ? "n" : "", kind_name(chosen->kind));
        break;
    case BY_MEMORY:
        snprintf(to, capacity, "not the default since device %u has memory of its own", index);
        break;
    case BY_UNITS:
        snprintf(to, capacity, "not the default since device %u has more compute units", index);
        break;
    case BY_ORDER:
        snprintf(to, capacity, "not the default since device %u, a %s too, comes first", index,
                 kind_name(chosen->kind));
        break;
    }
}

void fg_platform_explain(fg_found_device *found, size_t count)
{
    const size_t chosen = best_of(found, count, NULL, count), second = best_of(found, count, NULL, chosen);
    char why[sizeof found->info.reason / 2];
    for (size_t i = 0; i < count; i++) {
        fgmm_device_info *info = &found[i].info;
        info->is_default = i == chosen;
        if (found[i].problem[0]) {
            snprintf(info->reason, sizeof info->reason, "cannot be used: %s", found[i].problem);
            continue;
        }
        if (i == chosen)
            explain_chosen(why, sizeof why, info, second < count ? &found[second].info : NULL);
        else
            explain_other(why, sizeof why, info, &found[chosen].info);
        snprintf(info->reason, sizeof info->reason, "%s; %s", why,
                 fg_platform_backend_reason(info->backend, info->kind));
    }
}

/* ---- what is asked for ---- */

/* Fails with "WHY; there are: 0: platform name, 1: ...". */
static fgmm_status fail_with_list(const fg_found_device *found, size_t count, const char *why)
{
    char list[FG_ERROR_TEXT_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++) {
        const fgmm_device_info *info = &found[i].info;
        const int more = snprintf(list + used, sizeof list - used, "%s%zu: %s %s%s%s", i > 0 ? ", " : "", i,
                                  info->platform, info->name, info->pci_address[0] ? " " : "", info->pci_address);
        used += more > 0 ? (size_t)more : 0;
    }
    return fg_fail(FGMM_NO_DEVICE, "%s; there are: %s", why, list);
}

fgmm_status fg_platform_choose(const fg_found_device **chosen, const fg_found_device *found, size_t count,
                               size_t platforms, const char *match)
{
    fgmm_status status = FGMM_OK;
    char why[256];
    size_t index = count;
    *chosen = NULL;
    if (count == 0) return fg_platform_fail_empty(platforms);
    if (!match) {
        index = best_of(found, count, NULL, count);
        snprintf(why, sizeof why, "no device can be used (device 0: %s)", found[0].problem);
    } else if (*match && strspn(match, "0123456789") == strlen(match)) {
        const unsigned long long number = strtoull(match, NULL, 10);
        index = number < count ? (size_t)number : count;
        snprintf(why, sizeof why, "device = %s; need 0..%zu", match, count - 1);
    } else {
        index = best_of(found, count, match, count);
        for (size_t i = count; i-- > 0 && index == count;)
            if (has_part(&found[i].info, match)) index = i; /* cannot be used, which is said below */
        snprintf(why, sizeof why, "device = \"%s\": no device has that in its name or PCI address", match);
    }
    if (index == count) return fail_with_list(found, count, why);
    FG_CHECK(!found[index].problem[0], FGMM_NO_DEVICE, "device %zu (%s): %s", index, found[index].info.name,
             found[index].problem);
    *chosen = &found[index];
done:
    return status;
}
