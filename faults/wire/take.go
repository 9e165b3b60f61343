package wire

import (
	"bytes"
	"math"
	"slices"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// limits are the limits for parsing a stream. Those of the protocol protect a server or a
// client; here a line that is too long only means that the stream can't be parsed.
var limits = protocol.Limits{ControlLine: 64 << 10}

// pastMin is how many of the last bytes are kept for a replay, whatever the rules.
const pastMin = 4 << 10

// watch is what a direction has to watch.
type watch struct {
	ops   []*Injection // rules with an operation
	set   opSet        // their operations
	marks []*mark      // rules with a number of bytes
	armed bool         // one of the marks is not reached yet
	past  int          // how many of the last bytes are kept
}

// mark is the place in a stream where a rule is triggered.
type mark struct {
	by      *Injection
	offset  int64
	reached bool
}

// reading is how far the operations of a stream have been read. Frame boundaries are
// always known, so that a rule can be added at any time; it applies to the frames that
// begin after that.
//
//	         line without its end           '\n'
//	frames ──────────────────────────► line ──────► body, frames
//	frames ──payload follows─────► body ──complete──► frames
//	any    ──not a frame──► raw
type reading struct {
	raw   bool      // bytes only, to the end
	line  []byte    // the beginning of a control line whose end has not arrived
	held  bool      // none of the line was passed on, as a rule may apply to it
	left  int       // bytes of the frame that are still missing
	check bool      // the end of the frame still has to be checked
	ends  [2]byte   // its last bytes so far
	fate  frameFate // what becomes of it
	texts []string  // to be inserted between two frames
}

// frameFate is what becomes of a frame.
type frameFate struct {
	drop   bool
	text   *string // what passes in its place
	copies int     // how often it passes again
	copy   []byte  // what has arrived of it, if it passes again
}

// watch sets what the direction has to watch. p.mu is held.
func (p *pump) watch(rules []*Injection) {
	w := watch{past: pastMin}
	if p.dir == plan.In && p.conn.link.info != nil {
		w.set |= 1 << protocol.OpInfo
	}
	for _, i := range rules {
		if i.rule.Fault.Kind == plan.Replay {
			w.past = max(w.past, int(i.rule.Fault.Size))
		}
		if !i.watches(p.dir) || !i.about(p.conn.number) {
			continue
		}
		switch when := &i.rule.When; {
		case when.Op != protocol.OpNone:
			w.ops = append(w.ops, i)
			w.set |= 1 << when.Op
		case when.Bytes > 0:
			w.marks = append(w.marks, p.mark(i))
		}
	}
	w.armed = slices.ContainsFunc(w.marks, func(m *mark) bool { return !m.reached })
	p.rules = w
	if w.set == 0 && p.reading.held {
		p.chunk = chunk{at: time.Now()}
		p.releaseLine()
		p.follow()
	}
}

// mark returns the mark of a rule, a new one if it is not known yet.
func (p *pump) mark(i *Injection) *mark {
	for _, m := range p.rules.marks {
		if m.by == i {
			return m
		}
	}
	return &mark{by: i, offset: p.offset + min(i.rule.When.Bytes, math.MaxInt64-p.offset)}
}

// take puts data into the queue, as the rules that watch the input say. p.mu is held.
func (p *pump) take(data []byte) {
	r := &p.reading
	for len(data) > 0 && !p.ending {
		p.putTexts()
		switch {
		case r.raw:
			p.pass(data)
			return
		case r.left > 0:
			data = p.takeBody(data)
		case len(r.line) > 0:
			data = p.takeLine(data)
		default:
			data = p.takeFrames(data)
		}
	}
	p.putTexts()
}

// takeFrames reads data that begins with a frame, and returns the unread rest.
func (p *pump) takeFrames(data []byte) []byte {
	var f protocol.Frame
	for at := 0; at < len(data); {
		n, err := p.parser.Next(data[at:], &f)
		switch {
		case err != nil:
			p.giveUp()
			return data
		case n == 0:
			return p.takeBeginning(data, at)
		case p.rules.set.has(f.Op):
			return p.takeFrame(data, at, n, &f)
		case p.rules.armed: // a text may have to wait for the end of this frame
			p.count.frames.Add(1)
			p.reading.left = n
			return data
		}
		p.count.frames.Add(1)
		at += n
	}
	p.pass(data)
	return nil
}

// takeBeginning reads data that ends within the frame that begins at an index.
func (p *pump) takeBeginning(data []byte, at int) []byte {
	r := &p.reading
	var f protocol.Frame
	n := p.parser.Head(&f)
	if n == 0 {
		r.line = append(r.line[:0], data[at:]...)
		r.held = p.rules.set != 0
		if r.held {
			data = data[:at]
		}
		p.pass(data)
		return nil
	}
	r.check = true
	if p.rules.set.has(f.Op) {
		return p.takeFrame(data, at, n, &f)
	}
	p.count.frames.Add(1)
	r.left = n
	r.came(data[at:])
	p.pass(data)
	return nil
}

// takeFrame reads the frame of n bytes at an index of data; a rule may apply to it.
func (p *pump) takeFrame(data []byte, at, n int, f *protocol.Frame) []byte {
	p.pass(data[:at])
	if p.ending {
		return nil
	}
	p.decide(f, data[at:], n)
	p.reading.left = n
	return data[at:]
}

// takeLine reads data that continues a control line.
func (p *pump) takeLine(data []byte) []byte {
	r := &p.reading
	part := data
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		part = data[:i+1]
	}
	r.line = append(r.line, part...)
	if !r.held {
		p.pass(part)
	}
	data = data[len(part):]
	var f protocol.Frame
	n, err := p.parser.Next(r.line, &f)
	if err != nil {
		p.giveUp()
		return data
	}
	if n == 0 {
		n = p.parser.Head(&f)
		r.check = n > 0
	}
	if n == 0 {
		return data
	}
	line, held := r.line, r.held
	r.line, r.held = r.line[:0], false
	if !held {
		p.count.frames.Add(1)
		r.left = n
		r.came(line)
		return data
	}
	line = bytes.Clone(line)
	if p.rules.set.has(f.Op) {
		p.decide(&f, line, n)
	} else {
		p.count.frames.Add(1)
	}
	r.left = n
	p.takeBody(line)
	return data
}

// takeBody reads data that continues a frame.
func (p *pump) takeBody(data []byte) []byte {
	r := &p.reading
	part := data[:min(r.left, len(data))]
	if r.fate.drop {
		p.skip(len(part))
	} else {
		p.pass(part)
	}
	if r.fate.copies > 0 {
		r.fate.copy = append(r.fate.copy, part...)
	}
	r.came(part)
	if r.left > 0 {
		return nil
	}
	for range r.fate.copies {
		p.queue.push(item{data: bytes.Clone(r.fate.copy), foreign: true, offset: p.offset, at: p.chunk.at})
	}
	r.fate = frameFate{}
	if r.check && r.ends != [2]byte{'\r', '\n'} {
		p.giveUp()
	}
	r.check = false
	return data[len(part):]
}

// came records that a part of the frame has arrived.
func (r *reading) came(part []byte) {
	r.left -= len(part)
	switch n := len(part); n {
	case 0:
	case 1:
		r.ends = [2]byte{r.ends[1], part[0]}
	default:
		r.ends = [2]byte(part[n-2:])
	}
}

// giveUp treats the rest of the stream as plain bytes.
func (p *pump) giveUp() {
	p.releaseLine()
	p.reading = reading{raw: true, texts: p.reading.texts}
	p.count.unread.Add(1)
}

// releaseLine passes on the beginning of a line that was held back.
func (p *pump) releaseLine() {
	if p.reading.held && len(p.reading.line) > 0 {
		p.pass(bytes.Clone(p.reading.line))
	}
	p.reading.held = false
}

// decide applies the rules to a frame of n bytes, which settles its fate. buf begins with
// the frame.
func (p *pump) decide(f *protocol.Frame, buf []byte, n int) {
	p.count.frames.Add(1)
	fate := &p.reading.fate
	if f.Op == protocol.OpInfo && p.conn.link.info != nil {
		text := string(p.conn.link.info(buf[:n]))
		fate.text = &text
	}
	for _, i := range p.rules.ops {
		if p.ending {
			return
		}
		if i.meets(f, buf) && i.counts() {
			p.befall(fate, i, n)
		}
	}
	if fate.text == nil {
		return
	}
	for range 1 + fate.copies {
		p.insertText(*fate.text)
	}
	*fate = frameFate{drop: true}
}

// befall applies a rule to a frame of n bytes.
func (p *pump) befall(fate *frameFate, i *Injection, n int) {
	switch fault := &i.rule.Fault; fault.Kind {
	case plan.Drop:
		*fate = frameFate{drop: true}
	case plan.Rewrite:
		if fate.drop {
			return
		}
		fate.text = &fault.Text
	case plan.Duplicate:
		if fate.drop || n > p.conn.link.window {
			return
		}
		fate.copies++
	case plan.Delay:
		p.queue.push(item{kind: itemPause, pause: fault.Duration, offset: p.offset, at: p.chunk.at})
	default:
		p.setOff(i)
		return
	}
	i.hit(1)
}

// setOff puts the effect of a rule into its place in the queue, unless it can be done
// directly.
func (p *pump) setOff(i *Injection) {
	here := i.hurts(p.dir, p.dir)
	kind := i.rule.Fault.Kind
	if kind == plan.Inject && here {
		p.insertText(i.rule.Fault.Text)
		i.hit(1)
		return
	}
	p.queue.push(item{kind: itemFault, by: i, offset: p.offset, at: p.chunk.at})
	p.ending = kind == plan.Reset || kind == plan.Fin && here
}

// pass puts data into the queue and advances in the stream, from mark to mark.
func (p *pump) pass(data []byte) {
	for !p.ending && len(data) > 0 {
		n := p.toMark(len(data))
		p.push(data[:n])
		data = data[n:]
		p.goOn(n)
	}
}

// skip advances in the stream, dropping its next n bytes.
func (p *pump) skip(n int) {
	for !p.ending && n > 0 {
		step := p.toMark(n)
		n -= step
		p.goOn(step)
	}
}

// toMark returns the distance to the next mark, at most n.
func (p *pump) toMark(n int) int {
	if !p.rules.armed {
		return n
	}
	for _, m := range p.rules.marks {
		if !m.reached {
			n = int(min(int64(n), m.offset-p.offset))
		}
	}
	return n
}

// goOn advances in the stream, to the next mark at most, and triggers the rule there.
func (p *pump) goOn(n int) {
	p.offset += int64(n)
	if !p.rules.armed {
		return
	}
	p.rules.armed = false
	for _, m := range p.rules.marks {
		if !m.reached && m.offset == p.offset {
			m.reached = true
			if !p.ending && m.by.counts() {
				p.setOff(m.by)
			}
		}
		p.rules.armed = p.rules.armed || !m.reached
	}
}

// push puts data of the source into the queue, at its place in the stream.
func (p *pump) push(data []byte) {
	if !p.chunk.lent {
		data = bytes.Clone(data)
	}
	p.queue.push(item{data: data, lent: p.chunk.lent, offset: p.offset, at: p.chunk.at})
}

// insertText puts a text into the queue between two frames: now, or at the end of the
// current frame. In a stream of plain bytes it is now.
func (p *pump) insertText(text string) {
	p.reading.texts = append(p.reading.texts, text)
	p.putTexts()
}

// putTexts puts the waiting texts into the queue, if the stream is between two frames.
func (p *pump) putTexts() {
	r := &p.reading
	if len(r.texts) == 0 || !r.raw && (r.left > 0 || len(r.line) > 0 && !r.held) {
		return
	}
	for _, text := range r.texts {
		if text == "" {
			continue
		}
		p.queue.push(item{data: []byte(text), foreign: true, offset: p.offset, at: p.chunk.at})
	}
	r.texts = nil
}
