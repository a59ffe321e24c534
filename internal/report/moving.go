package report

import (
	"fmt"
	"sync"
	"time"
)

// moving is the line of the step that runs, on a terminal. It moves when the
// step says something and, so that nobody takes a long wait for a hang, every
// second.
type moving struct {
	printer *Printer

	mu         sync.Mutex
	id, detail string
	began      time.Time
	stop       chan struct{} // closed when the step ends; nil between steps
}

// start begins the line of a step.
func (m *moving) start(id string) {
	if !m.printer.live {
		return
	}
	m.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id, m.detail, m.began, m.stop = id, "", time.Now(), make(chan struct{})
	go m.tick(m.stop)
	m.draw()
}

// say changes what the line says.
func (m *moving) say(detail string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		m.detail = detail
		m.draw()
	}
}

// end ends the line; what stands there is cleared by whatever is printed next.
func (m *moving) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		close(m.stop)
		m.stop = nil
	}
}

func (m *moving) tick(stop <-chan struct{}) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
			m.mu.Lock()
			if m.stop == stop {
				m.draw()
			}
			m.mu.Unlock()
		}
	}
}

// draw writes the line; the lock is held.
func (m *moving) draw() {
	text := fmt.Sprintf("%-*s %s …", stepWidth, title(m.id), m.detail)
	if elapsed := time.Since(m.began); elapsed >= time.Second {
		text += fmt.Sprintf(" %d s", int(elapsed.Seconds()))
	}
	p := m.printer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	_, _ = fmt.Fprint(p.err, p.paint(faint, cut(text, p.width-1)))
	p.moving = true
}
