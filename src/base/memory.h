/* memory.h - how much memory there is: the machine's, and what the process's container leaves of it. */
#ifndef FG_MEMORY_H
#define FG_MEMORY_H

#include <stdint.h>

/* Bytes that the process may use: the machine's memory, or the least limit of the control groups that the process is
 * in, where that is less. 0 where unknown. Asked of the system each time. */
uint64_t fg_machine_memory_bytes(void);

/* The least limit of the groups that the file membership (/proc/self/cgroup) names, and of the groups around them;
 * UINT64_MAX: there is none, or nothing is known. root: where control groups are mounted (/sys/fs/cgroup), of version
 * 2, version 1 or both. */
uint64_t fg_group_memory_bytes(const char *membership, const char *root);

#endif
