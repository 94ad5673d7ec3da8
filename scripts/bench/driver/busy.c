// Senders send to many mailboxes in turn, while collectors empty them.

#include "driver.h"

// Senders wait while each mailbox holds more messages than this, on average, so that the load could go on for ever. The warm-up lasts until
// this is reached, or for LONGEST_WARM_UP seconds.
#define HELD 20
#define LONGEST_WARM_UP 10.0

static int all_mailboxes, turn_of;

static int is_full(void) { return made - acknowledged >= (uint64_t)all_mailboxes * HELD; }

// Is there another message to send? If so, sets its mailbox.
static int one_more(struct connection *c) {
  if (is_full()) return 0;
  c->mailbox = turn_of++ % all_mailboxes;
  return 1;
}

void run_busy(int senders, int mailboxes, int collectors, double seconds) {
  kind = BUSY;
  all_mailboxes = mailboxes;
  struct connection **sending = calloc(senders, sizeof *sending), **collecting = calloc(collectors, sizeof *collecting);
  // A collector that can have only one mailbox moves from one to the next. Others share them.
  int visits = strcmp(protocol->name, "detour") == 0, next = collectors;
  for (int n = 0; n < collectors; n++) {
    int from = (int)((long)mailboxes * n / collectors), to = (int)((long)mailboxes * (n + 1) / collectors);
    collecting[n] = visits ? open_collector(senders + n, n, 1) : open_collector(senders + n, from, to - from);
    await_ready(collecting[n]);
    protocol->request(collecting[n]);
    if (visits) collecting[n]->asked = 1;
    flush(collecting[n]);
  }
  for (int n = 0; n < senders; n++) {
    sending[n] = open_sender(n);
    fill(sending[n], one_more);
  }

  double begin = now() + LONGEST_WARM_UP, end = begin + seconds, used = 0;
  uint64_t stored_before = 0, acknowledged_before = 0;
  int counting = 0;
  for (double at = now(); at < end; at = now()) {
    if (!counting && (at >= begin || (is_full() && at >= begin - LONGEST_WARM_UP + WARM_UP))) {
      counting = 1;
      begin = at;
      end = begin + seconds;
      stored_before = stored;
      acknowledged_before = acknowledged;
      used = cpu();
    }
    turn(100);
    for (int n = 0; n < senders; n++) fill(sending[n], one_more);
    for (int n = 0; n < collectors && visits; n++) {
      struct connection *c = collecting[n];
      if (c->left) reopen_collector(c, next++ % mailboxes);
      if (!c->ready || c->asked) continue;
      c->asked = 1;
      protocol->request(c);
      flush(c);
    }
  }
  double took = now() - begin, in = (stored - stored_before) / took, out = (acknowledged - acknowledged_before) / took;
  if (acknowledged == acknowledged_before) die("nothing", "was delivered", 13);
  printf("{\"rate\":%.0f,\"stored\":%.0f,\"delivered\":%.0f,\"cpu\":%.2f}\n", in < out ? in : out, in, out, (cpu() - used) / took);
}
