(function () {
  var button = document.getElementById("copy");
  if (!button) return;
  var link = document.getElementById("link");
  function say(done) {
    document.getElementById("said").textContent = button.getAttribute(done ? "data-done" : "data-failed");
  }
  function select() {
    var range = document.createRange(), selection = getSelection(), done = false;
    range.selectNodeContents(link);
    selection.removeAllRanges();
    selection.addRange(range);
    try { done = document.execCommand("copy"); } catch (e) {}
    say(done);
  }
  button.onclick = function () {
    if (navigator.clipboard && navigator.clipboard.writeText)
      navigator.clipboard.writeText(link.textContent).then(function () { say(true); }, select);
    else select();
  };
  button.hidden = false;
})();
