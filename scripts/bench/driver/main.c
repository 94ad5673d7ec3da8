// The load driver of the bench. In C, because a driver in Node is slower than what it measures.
//
//   load PROTOCOL HOST PORT store SENDERS OUTSTANDING SIZE SECONDS [MAILBOXES BURST]
//   load PROTOCOL HOST PORT fill SENDERS OUTSTANDING SIZE COUNT [MAILBOXES BURST]
//   load PROTOCOL HOST PORT drain SIZE COUNT
//   load PROTOCOL HOST PORT live SIZE RATE SECONDS
//   load PROTOCOL HOST PORT busy SENDERS OUTSTANDING SIZE MAILBOXES COLLECTORS SECONDS
//   load disk FILE SIZE RATE SECONDS
//
// PROTOCOL: detour, redis, nats, mqtt, beanstalkd; postgres and amqp for a load that only stores.
//
// store: SENDERS senders, each with OUTSTANDING messages in flight, as fast as the answers come. Each sends to a mailbox of its own, or all send
// to MAILBOXES in turn, BURST messages in a row to each.
// fill: the same until COUNT messages are stored.
// drain: COUNT messages are held for one collector, which collects and acknowledges all of them.
// live: RATE messages a second to a collector that waits for them, and how long each takes.
// busy: senders to many mailboxes in turn, and collectors that empty them at the same time.
// disk: one write and sync for each message of a live load.
//
// A load with SECONDS is measured for that long after a warm-up of two seconds; a busy load warms up for longer. Each prints one line of JSON:
// messages a second (`rate`), times in microseconds (`p50`, `p99`), and how much of a processor the driver itself needed (`cpu`). It stops with
// an error at an unexpected answer.

#include "driver.h"

static int number(const char *word) {
  char *end;
  long value = strtol(word, &end, 10);
  if (*word == 0 || *end != 0 || value < 1 || value > 1000000000) die("not a number of at least 1", word, strlen(word));
  return value;
}

static int is(const char *word, const char *other, int count, int needed) { return strcmp(word, other) == 0 && count == needed; }

int main(int count, char **words) {
  if (count > 1 && is(words[1], "disk", count, 6)) {
    size = number(words[3]);
    run_disk(words[2], number(words[4]), atof(words[5]));
    return 0;
  }
  if (count < 5) die("usage", "load PROTOCOL HOST PORT KIND ...", 32);
  protocol = protocol_named(words[1]);
  set_server(words[2], words[3]);
  char **rest = words + 5;
  int fills = strcmp(words[4], "fill") == 0;
  if ((fills || strcmp(words[4], "store") == 0) && (count == 9 || count == 11)) {
    outstanding = number(rest[1]);
    size = number(rest[2]);
    int mailboxes = count == 11 ? number(rest[4]) : 0, burst = count == 11 ? number(rest[5]) : 1;
    run_store(number(rest[0]), fills ? 0 : atof(rest[3]), fills ? number(rest[3]) : 0, mailboxes, burst);
    return 0;
  }
  int at_size = strcmp(words[4], "busy") == 0 ? 2 : 0;
  if (count <= 5 + at_size) die("usage", "load PROTOCOL HOST PORT KIND ...", 32);
  size = number(rest[at_size]);
  if (size < LEAST_SIZE) die("too small to be recognised", rest[at_size], strlen(rest[at_size]));
  if (is(words[4], "drain", count, 7)) run_drain(number(rest[1]));
  else if (is(words[4], "live", count, 8)) run_live(number(rest[1]), atof(rest[2]));
  else if (is(words[4], "busy", count, 11)) {
    outstanding = number(rest[1]);
    run_busy(number(rest[0]), number(rest[3]), number(rest[4]), atof(rest[5]));
  } else die("unknown kind, or wrong arguments", words[4], strlen(words[4]));
  return 0;
}
