// Senders that do nothing else: for some time, or until so many messages are stored.

#include "driver.h"
#include <math.h>

static int all_mailboxes, in_a_row;
static uint64_t left;

// May there be one more? Then also to whom.
static int one_more(struct connection *c) {
  static uint64_t next;
  if (left == 0) return 0;
  left--;
  if (all_mailboxes > 0) c->mailbox = (int)(next++ / in_a_row % all_mailboxes);
  return 1;
}

void run_store(int senders, double seconds, uint64_t count, int mailboxes, int burst) {
  kind = STORE;
  all_mailboxes = mailboxes;
  in_a_row = burst;
  left = count > 0 ? count : UINT64_MAX;
  struct connection **all = calloc(senders, sizeof *all);
  for (int number = 0; number < senders; number++) {
    all[number] = open_sender(number);
    all[number]->mailbox = number;
    fill(all[number], one_more);
  }
  // What is counted takes as long as it takes, and has no warm-up.
  double begin = now() + (count > 0 ? 0 : WARM_UP), used = 0;
  double end = count > 0 ? INFINITY : begin + seconds;
  uint64_t before = 0;
  for (double at = now(); at < end && (count == 0 || stored < count); at = now()) {
    if (timed_from == 0 && at >= begin) {
      timed_from = begin = at;
      if (count == 0) end = begin + seconds;
      before = stored;
      used = cpu();
    }
    turn(100);
    for (int number = 0; number < senders; number++) fill(all[number], one_more);
  }
  double took = now() - begin;
  printf("{\"answers\":%llu,\"all\":%llu,\"rate\":%.0f,\"p50\":%.0f,\"p99\":%.0f,\"cpu\":%.2f}\n", (unsigned long long)(stored - before),
         (unsigned long long)stored, (stored - before) / took, quantile(0.5), quantile(0.99), (cpu() - used) / took);
}
