/** A voice note: a file, or what the microphone takes, and beside it the words that the simulated model is to understand. */
import { speak } from "./server.js";
import { $, label, put, set } from "./tools.js";
import { words } from "./words.js";

const LONGEST_MS = 300_000; // Postly listens to no more than that.
let sound = null, recorder = null;

export function openVoice(open = $("voice").hidden) {
  if (!open && recorder) recorder.stop();
  $("voice").hidden = !open;
  set($("speak"), "aria-expanded", String(open));
  if (open) $("spoken").focus();
}
function take(file) {
  sound = file;
  put($("taken"), file ? file.name ?? words.recorded : "");
}
async function record() {
  if (recorder) return recorder.stop();
  const stream = await navigator.mediaDevices?.getUserMedia({ audio: true }).catch(() => null);
  if (!stream) return put($("taken"), words.noMicrophone);
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = () => {
    for (const track of stream.getTracks()) track.stop();
    take(new Blob(parts, { type: recorder.mimeType }));
    recorder = null;
    renderVoice();
  };
  recorder.start();
  setTimeout((started) => { if (recorder === started) started.stop(); }, LONGEST_MS, recorder);
  renderVoice();
}
/** What depends on the language, and on whether the microphone listens. */
export function renderVoice() {
  put($("hint"), words.voiceHint);
  $("spoken").placeholder = words.spoken;
  label($("spoken"), words.spoken);
  put($("choose").firstChild, words.audioFile);
  put($("record"), recorder ? words.stopRecording : words.record);
  set($("record"), "aria-pressed", String(Boolean(recorder)));
}
$("speak").onclick = () => openVoice();
$("record").onclick = record;
$("file").onchange = () => take($("file").files[0] ?? null);
$("voice").ondragover = (event) => event.preventDefault();
$("voice").ondrop = (event) => { event.preventDefault(); take(event.dataTransfer.files[0] ?? null); };
$("voice").onsubmit = async (event) => {
  event.preventDefault();
  if (!await speak($("spoken").value, sound)) return;
  $("spoken").value = $("file").value = "";
  take(null);
  openVoice(false);
  $("text").focus();
};
$("voice").onkeydown = (event) => { if (event.key === "Escape") { openVoice(false); $("speak").focus(); } };
