// What the files of the load driver share. protocols.c knows what each protocol says, common.c moves the bytes, and the file of each kind of
// load does the counting.

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 2.0
// A load has failed if nothing happens for this long, in seconds.
#define PATIENCE 30.0
#define IN_SIZE (1024 * 1024)
// A body that must be recognised begins with the time at which it was sent, in nanoseconds, and its number: 16 hexadecimal digits each.
#define DIGITS 16
#define LEAST_SIZE (2 * DIGITS)
// How many unacknowledged messages a collector may have, in protocols that can say so.
#define WINDOW 4096

enum kind { STORE, DRAIN, LIVE, BUSY };

struct connection {
  int fd;
  int number;
  int ready;
  // The mailbox that the next message goes to, or the mailboxes that are collected: `mailboxes` of them from `mailbox` on.
  int mailbox, mailboxes;
  // Called when there is new input.
  void (*take)(struct connection *);
  unsigned char *out;
  size_t out_length, out_at, out_room;
  unsigned char in[IN_SIZE];
  size_t in_length;

  // A sender: when each message in flight was sent.
  uint64_t sent, answered;
  double *sent_at;
  // beanstalkd: the mailbox that the next message goes to, plus one.
  int used;

  // A collector: how many messages it has got, and how many it has asked for.
  uint64_t delivered, asked;
  // detour: it has said BYE, and BYE has come back.
  int leaving, left;
  // Redis: what of an answer has still to come, the ids to acknowledge, and the next mailbox to ask for.
  long streams, entries;
  char key[32];
  unsigned char *ids;
  size_t ids_length;
  int ids_count, next;
};

struct protocol {
  const char *name;

  // What is said when the connection is established.
  void (*hello)(struct connection *);
  // The length of the greeting at the start of the input; 0: it is not complete. NULL: there is no greeting.
  size_t (*greeting)(struct connection *);
  // Writes one message to `mailbox`. Returns its length.
  size_t (*frame)(struct connection *, unsigned char *);
  // Counts the answers at the start of the input, and their bytes.
  int (*answers)(struct connection *, size_t *used);

  // The same for a collector.
  void (*collector_hello)(struct connection *);
  size_t (*collector_greeting)(struct connection *);
  // Asks for messages. NULL: they come by themselves after the hello.
  void (*request)(struct connection *);
  // Takes messages from the input, acknowledges them and asks for more. Returns how many bytes it took.
  size_t (*collect)(struct connection *);
};

extern const struct protocol *protocol;
extern enum kind kind;
extern int outstanding, size;

// How many messages were made, were acknowledged to their senders, came to a collector, and were acknowledged by collectors, as far as the
// server has confirmed it.
extern uint64_t made, stored, delivered, acknowledged;
// DRAIN: how many messages there are.
extern uint64_t expected;
// Only messages sent from this time on are timed, in seconds. 0: none.
extern double timed_from;

double now(void);
// The processor time that this program has used, in seconds.
double cpu(void);
_Noreturn void die(const char *what, const void *detail, size_t length);
_Noreturn void fail(const char *what);

// Makes room for `length` more bytes of output.
unsigned char *room(struct connection *, size_t length);
__attribute__((format(printf, 2, 3))) void say(struct connection *, const char *format, ...);
size_t put(unsigned char *to, const void *bytes, size_t length);
void flush(struct connection *);
unsigned char *line_end(struct connection *, size_t from);

void set_server(const char *host, const char *port);
struct connection *open_sender(int number);
struct connection *open_collector(int number, int mailbox, int mailboxes);
// The same collector on a new connection, for another mailbox.
void reopen_collector(struct connection *, int mailbox);
void await_ready(struct connection *);
// Sends until as many messages are in flight as may be. `more` says whether there is another one; NULL: always.
void fill(struct connection *, int (*more)(struct connection *));
void send_one(struct connection *);
// Handles what has come on all connections. Waits for input for up to `timeout` milliseconds.
void turn(int timeout);
// The same, but waits until the time `at`, which is kept more exactly.
void turn_until(double at);

// The text of the next message.
const unsigned char *next_body(void);
// Counts and checks a message that came to a collector.
void deliver(struct connection *, const unsigned char *body, size_t length);
void note_time(double seconds, int count);
// A quantile of all times that were noted, in microseconds.
double quantile(double share);

// `count` 0: runs for `seconds`. `mailboxes` 0: each sender has its own; otherwise `burst` messages in a row go to each mailbox in turn.
void run_store(int senders, double seconds, uint64_t count, int mailboxes, int burst);
void run_drain(uint64_t count);
void run_live(int rate, double seconds);
void run_disk(const char *file, int rate, double seconds);
void run_busy(int senders, int mailboxes, int collectors, double seconds);
const struct protocol *protocol_named(const char *name);
