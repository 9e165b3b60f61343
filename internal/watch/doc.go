// Package watch implements the watchers of both stores: they yield the entries of a stream in
// the order of their revisions, the moment when all that were there have come, and the moment
// when everything that is known has to be read again.
//
//	ordered consumer ──► handle ──► machine ──► queue ──┬──► Watcher.Events
//	       │                           ▲                └──► Channel
//	       ├─ OnRenewed ───────────────┤
//	       └─ Info ────► keeper ───────┘
//	                     (actor: asks when nothing comes, shows the state)
//
// The handler of the consumer runs the machine and puts events into the queue directly. The
// watcher's Slow says what happens when they are not taken: the handler waits, and the server
// with it; or only the newest entry of each subject waits; or the watcher ends.
//
// # When a watcher is ready
//
// A sync begins with the creation of a consumer, which has a number of messages to deliver at
// that moment. Ready follows the last of them, at once if there are none. If some are removed
// before they are delivered, the consumer does not report it: when nothing has come for a
// moment, the keeper asks the server, and Ready follows when everything has come.
//
// # When it starts over
//
// After the loss of a link, a server, a consumer or messages, a new consumer continues after the
// last message. The watcher starts over, with a Resync, only if it may have missed a removal:
// see jetstream.RestartOnGap for the rule. The same holds before Ready. A sync that was
// interrupted before it was ready may yield revisions that have been replaced; their
// replacements follow before Ready.
//
// A program that takes entries slower than they are stored can also miss removals, if their
// markers are purged before it reaches them.
package watch
