package state

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// keepEvents is how many events of a filter are kept.
const keepEvents = 200

func eventKey(name string, number uint64) []byte {
	return key(prefixEvent, []byte(name), []byte{0}, binary.BigEndian.AppendUint64(nil, number))
}

// note writes down what happened to the filter: by whom and when is added.
func (m *moving) note(event *statepb.FilterEvent) error {
	m.Events++
	event.Number, event.At, event.By = m.GetEvents(), m.command.GetTime(), m.command.GetActor()
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(event)
	if err != nil {
		return err
	}
	m.batch.Set(eventKey(m.GetName(), m.GetEvents()), value)
	if m.GetEvents() > keepEvents {
		m.batch.Delete(eventKey(m.GetName(), m.GetEvents()-keepEvents))
	}
	return nil
}

// Events returns what happened to a filter, oldest first.
func Events(r raftstore.Reader, name string) ([]*statepb.FilterEvent, error) {
	var events []*statepb.FilterEvent
	err := each(r, key(prefixEvent, []byte(name), []byte{0}), func(_, value []byte) error {
		event := &statepb.FilterEvent{}
		events = append(events, event)
		return proto.Unmarshal(value, event)
	})
	return events, err
}
