// One mailbox is filled. Then one collector takes and acknowledges everything in it.

#include "driver.h"

#define SENDERS 8
#define IN_FLIGHT 64

static int one_more(struct connection *c) {
  (void)c;
  return made < expected;
}

// Waits until `count` has reached `expected`.
static void await_all(const char *what, const uint64_t *count, struct connection **senders) {
  uint64_t before = *count;
  for (double end = now() + PATIENCE; *count < expected;) {
    turn(100);
    for (int number = 0; senders != NULL && number < SENDERS; number++) fill(senders[number], one_more);
    if (*count != before) end = now() + PATIENCE;
    before = *count;
    if (now() < end) continue;
    char detail[64];
    die(what, detail, sprintf(detail, "%llu of %llu", (unsigned long long)*count, (unsigned long long)expected));
  }
}

void run_drain(uint64_t count) {
  kind = DRAIN;
  outstanding = IN_FLIGHT;
  expected = count;
  double began = now();
  struct connection *senders[SENDERS];
  for (int number = 0; number < SENDERS; number++) {
    senders[number] = open_sender(number);
    fill(senders[number], one_more);
  }
  await_all("stored no more than", &stored, senders);
  double filled = now() - began;

  double begin = now(), used = cpu();
  struct connection *c = open_collector(SENDERS, 0, 1);
  await_ready(c);
  if (protocol->request != NULL) {
    begin = now();
    used = cpu();
    protocol->request(c);
    flush(c);
  }
  await_all("delivered no more than", &delivered, NULL);
  await_all("acknowledged no more than", &acknowledged, NULL);
  double took = now() - begin;
  if (acknowledged != expected || delivered != expected) die("too many", "more was acknowledged than there was", 36);
  printf("{\"messages\":%llu,\"rate\":%.0f,\"filled\":%.0f,\"cpu\":%.2f}\n", (unsigned long long)count, count / took, count / filled,
         (cpu() - used) / took);
}
