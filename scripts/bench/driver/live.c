// One sender, at steady intervals, and one collector that waits for its messages: how long each takes. For comparison, a disk alone at the
// same rate.

#include "driver.h"
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

void run_live(int rate, double seconds) {
  kind = LIVE;
  // Messages are sent when they are due, even to a server that has fallen behind: it shows in the times.
  outstanding = rate * (WARM_UP + seconds) + 1;
  struct connection *collector = open_collector(1, 0, 1);
  await_ready(collector);
  if (protocol->request != NULL) protocol->request(collector);
  flush(collector);
  struct connection *sender = open_sender(0);
  await_ready(sender);

  double start = now(), begin = start + WARM_UP, end = begin + seconds, used = 0, took = 0;
  uint64_t before = 0;
  for (;;) {
    double at = now(), next = at + 0.1;
    if (timed_from == 0 && at >= begin) {
      timed_from = begin = at;
      before = made;
      used = cpu();
    }
    if (at < end) {
      while (made < (at - start) * rate) {
        send_one(sender);
        flush(sender);
      }
      next = start + made / (double)rate;
    } else {
      if (took == 0) took = at - begin;
      if (delivered == made && stored == made) break;
      if (at > end + PATIENCE) {
        char detail[64];
        die("delivered no more than", detail,
            sprintf(detail, "%llu of %llu", (unsigned long long)delivered, (unsigned long long)made));
      }
    }
    turn_until(next);
  }
  printf("{\"messages\":%llu,\"p50\":%.0f,\"p99\":%.0f,\"cpu\":%.2f}\n", (unsigned long long)(made - before), quantile(0.5), quantile(0.99),
         (cpu() - used) / took);
}

void run_disk(const char *file, int rate, double seconds) {
  int count = rate * seconds, fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) fail("open");
  // The file is written once in advance, so that each write below changes only its own bytes.
  char *bytes = calloc(1, size);
  for (int n = 0; n < count; n++)
    if (write(fd, bytes, size) != size) fail("write");
  if (fsync(fd) != 0) fail("fsync");
  close(fd);
  fd = open(file, O_WRONLY | O_DSYNC);
  if (fd < 0) fail("open");

  double start = now(), used = cpu();
  for (int n = 0; n < count; n++) {
    double due = start + n / (double)rate;
    struct timespec until = {.tv_sec = (time_t)due, .tv_nsec = (long)((due - (time_t)due) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    memset(bytes, 'a' + n % 26, size);
    double at = now();
    if (pwrite(fd, bytes, size, (off_t)n * size) != size) fail("pwrite");
    note_time(now() - at, 1);
  }
  double took = now() - start;
  printf("{\"messages\":%d,\"p50\":%.0f,\"p99\":%.0f,\"cpu\":%.2f}\n", count, quantile(0.5), quantile(0.99), (cpu() - used) / took);
}
