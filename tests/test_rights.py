"""Draft."""
from tests.care import care, ok
from tests.conftest import caller
from records import clock
from rights import record, paper
from patients.models import Patient

def test_look(prescribed):
    from notifications.writing import write_messages
    walk = prescribed.completed()
    ok(walk.session_verb("check-in", feeling="unwell", note="dizzy"))
    write_messages(now=clock.now())
    Patient.objects.filter(pk=walk.id).update(first_name="Zoë <b>&amp; Łuć</b>", last_name="=1+1 \u05d0\u202e")
    steps=[]
    told = record.compose(Patient.objects.get(pk=walk.id), now=clock.now(), step=steps.append)
    open("/tmp/fix/rights/.data/r.json","wb").write(record.as_json(told))
    open("/tmp/fix/rights/.data/r.pdf","wb").write(paper.as_pdf(told))
    print(steps)
