/* Folders of a running process, which others tell from those of processes that were killed: each is
 * locked as long as its process lives (flock, which the system gives back). */
#ifndef BASE_FOLDER_LIVE_H
#define BASE_FOLDER_LIVE_H

#include <stdbool.h>

/* Makes the folder `name` in the open folder `parent`, and locks it. *lock is owned: close it when
 * the folder has another name, or is gone. -1: a file system without locks, where nobody takes it
 * for dead. false, with errno: EEXIST too where another process took it for a dead one's before it
 * was locked. */
bool folder_live_make(int parent, const char *name, unsigned rights, int *lock);

/* Removes the folder of that name, with all that is in it, if it is this user's and no process
 * holds it. True if it did. */
bool folder_live_remove_dead(int parent, const char *name);

/* Removes the folder with all that is in it, and follows no link. What cannot be removed stays. */
void folder_live_remove(int parent, const char *name);

#endif
