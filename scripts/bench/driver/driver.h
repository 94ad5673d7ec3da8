// What the files of the load driver share. Protocols know what is said, common.c how it travels, and the kinds of load what is counted.

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 2.0
// A load that nothing happens to for so long has failed, in seconds.
#define PATIENCE 30.0
#define IN_SIZE (1024 * 1024)
// A body that is to be recognised begins with when it was sent, in nanoseconds, and its number: each in 16 hexadecimal digits.
#define DIGITS 16
#define LEAST_SIZE (2 * DIGITS)
// The most messages that a collector has not acknowledged yet, where that can be said.
#define WINDOW 4096

enum kind { STORE, DRAIN, LIVE, BUSY };

struct connection {
  int fd;
  int number;
  int ready;
  // Where the next message goes, or whose mail it collects: `mailboxes` from `mailbox` on.
  int mailbox, mailboxes;
  // Called when there is new input.
  void (*take)(struct connection *);
  unsigned char *out;
  size_t out_length, out_at, out_room;
  unsigned char in[IN_SIZE];
  size_t in_length;

  // A sender: when each message that is under way was sent.
  uint64_t sent, answered;
  double *sent_at;
  // beanstalkd: the mailbox that the next message goes to, plus one.
  int used;

  // A collector: what it has, and for how many it has asked.
  uint64_t delivered, asked;
  // detour: it has said BYE, and was answered.
  int leaving, left;
  // Redis: what is still to come of an answer, the ids that are to be acknowledged, and the mailbox to ask for next.
  long streams, entries;
  char key[32];
  unsigned char *ids;
  size_t ids_length;
  int ids_count, next;
};

struct protocol {
  const char *name;

  // What is said when the connection stands.
  void (*hello)(struct connection *);
  // How much of the input is the greeting; 0: not all of it is here. NULL: it greets nobody.
  size_t (*greeting)(struct connection *);
  // One message to `mailbox`. Returns its length.
  size_t (*frame)(struct connection *, unsigned char *);
  // How many answers the input begins with, and how many bytes they have.
  int (*answers)(struct connection *, size_t *used);

  // The same for a collector.
  void (*collector_hello)(struct connection *);
  size_t (*collector_greeting)(struct connection *);
  // Asks for messages. NULL: they come by themselves after its hello.
  void (*request)(struct connection *);
  // Takes messages from the input, acknowledges them and asks for more. Returns how many bytes it has used.
  size_t (*collect)(struct connection *);
};

extern const struct protocol *protocol;
extern enum kind kind;
extern int outstanding, size;

// Messages that were made, that were acknowledged to their senders, that came to a collector, and that the collectors have acknowledged, as
// far as the server has said that it knows.
extern uint64_t made, stored, delivered, acknowledged;
// DRAIN: how many messages there are.
extern uint64_t expected;
// Only messages that were sent from then on are timed, in seconds. 0: none.
extern double timed_from;

double now(void);
// How much processor time this program has used.
double cpu(void);
_Noreturn void die(const char *what, const void *detail, size_t length);
_Noreturn void fail(const char *what);

// Room for so many bytes more to say.
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
// Sends as many messages as may be under way. `more` says whether there is one more; NULL: always.
void fill(struct connection *, int (*more)(struct connection *));
void send_one(struct connection *);
// Takes what has come on all connections. Waits for it, so many milliseconds.
void turn(int timeout);
// The same, but until a moment at the most, which is kept more exactly.
void turn_until(double at);

// The text of the message that is to be sent next.
const unsigned char *next_body(void);
// A collector has got this.
void deliver(struct connection *, const unsigned char *body, size_t length);
void note_time(double seconds, int count);
// Of all times that were noted, in microseconds.
double quantile(double share);

// `count` 0: for so many seconds. `mailboxes` 0: each sender has one; else `burst` in a row go to each of them in turn.
void run_store(int senders, double seconds, uint64_t count, int mailboxes, int burst);
void run_drain(uint64_t count);
void run_live(int rate, double seconds);
void run_disk(const char *file, int rate, double seconds);
void run_busy(int senders, int mailboxes, int collectors, double seconds);
const struct protocol *protocol_named(const char *name);
