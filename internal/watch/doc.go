// Package watch is what watchers of both stores are: the entries of a stream in the order
// of their revisions, the moment when all have come that were there, and the moment
// when all that is known is to be learned anew.
//
//	ordered consumer ──► handle ──► machine ──► queue ──┬──► Watcher.Events
//	       │                           ▲                └──► Channel
//	       ├─ OnRenewed ───────────────┤
//	       └─ Info ────► keeper ───────┘
//	                     (actor: asks when nothing comes, shows the state)
//
// The handler of the consumer runs the machine and puts events into the queue; nobody
// stands in between. What the queue does when nobody takes from it is the watcher's
// Slow: the handler waits, and the server with it; or only the newest entry of each subject waits; or the
// watcher ends.
//
// # When a watcher is ready
//
// A sync begins with the making of a consumer, which has so many messages to deliver
// at that moment. Its Ready follows the last of them, at once if there are none. If some are
// removed before they are delivered, nothing says so: when nothing has come for a moment, the keeper asks
// the server, and Ready follows when all has come that there is.
//
// # When it begins anew
//
// After the loss of a link, a server, a consumer or messages, the consumer is made anew
// behind the last message. A Resync is handed on, and all begins anew, only if a removal may have gone
// unseen: see jetstream.RestartOnGap for the rule. Before Ready the same holds. A sync that was
// interrupted before it was ready may hand on revisions that have been
// replaced by others: these follow before Ready.
//
// A program that is behind, because it takes entries slower than they are stored, can miss
// removals as well, if what tells of them is purged sooner than it gets there.
package watch
