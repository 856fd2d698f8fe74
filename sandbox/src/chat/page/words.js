/** Every word of the page, in the order of LANGUAGES, and how numbers and times are written in each. */

export const LANGUAGES = ["fr", "en"];
export const WORDS = {
  tagline: [(real) => `Le vrai système, sur cette machine${real ? "." : " ; seuls les fournisseurs sont simulés."}`,
    (real) => `The real system, on this machine${real ? "." : "; only the providers are simulated."}`],
  provider: ["Fournisseur WhatsApp", "WhatsApp provider"], language: ["Langue", "Language"],
  credits: [(n) => (n < 2 ? "crédit" : "crédits"), (n) => (n === 1 ? "credit" : "credits")],
  left: [(n) => `Il reste ${n} ${n < 2 ? "crédit" : "crédits"}.`, (n) => `${n} ${n === 1 ? "credit" : "credits"} left.`],
  conversation: ["Conversation WhatsApp", "WhatsApp conversation"],
  tag: [(real) => (real ? "réel" : "simulé"), (real) => (real ? "live" : "simulated")], typing: ["écrit…", "typing…"],
  note: [(me) => `Vous êtes ${me.name}, ${me.phone}`, (me) => `You are ${me.name}, ${me.phone}`],
  messages: ["Messages", "Messages"], today: ["Aujourd’hui", "Today"], yesterday: ["Hier", "Yesterday"],
  jump: ["Aller au dernier message", "Go to the last message"], suggestions: ["Suggestions", "Suggestions"],
  chips: [["Crée un post promo pour Instagram", "acheter", "gen soldes d’hiver pour ma boutique", "solde", "aide"],
    ["Create a promo post for Instagram", "buy", "gen winter sale for my shop", "balance", "help"]],
  people: ["Qui écrit", "Who writes"], voice: ["Message vocal", "Voice message"], sendVoice: ["Envoyer le message vocal", "Send the voice message"],
  voiceHint: ["Un fichier audio ou le micro, comme dans WhatsApp. Le modèle simulé n’entend rien : écrivez ce qu’il doit comprendre. Le texte seul suffit.",
    "An audio file or the microphone, as in WhatsApp. The simulated model hears nothing: write what it is to understand. The words alone will do."],
  spoken: ["Ce qui est dit…", "What is said…"], audioFile: ["Fichier audio", "Audio file"], record: ["Enregistrer", "Record"],
  stopRecording: ["Arrêter", "Stop"], recorded: ["enregistrement", "recording"], noMicrophone: ["pas de micro", "no microphone"],
  like: ["Réagir par 👍", "React with 👍"], unlike: ["Retirer la réaction", "Take the reaction back"],
  write: ["Écrivez un message", "Write a message"], send: ["Envoyer", "Send"], copy: ["Copier ce texte", "Copy this text"],
  copied: ["Texte copié", "Text copied"], uncopied: ["Le navigateur a refusé la copie", "The browser refused to copy"],
  see: ["Voir ce que le système a fait", "See what the system did"],
  choices: ["Choix proposés", "Choices"], close: ["Fermer", "Close"],
  status: [{ pending: "en attente", sent: "envoyé", delivered: "remis", read: "lu", failed: "échec" },
    { pending: "pending", sent: "sent", delivered: "delivered", read: "read", failed: "failed" }],
  unanswered: ["La démo n’a pas répondu.", "The demo did not answer."],
  unreachable: ["La démo n’a pas répondu. Votre texte est toujours là.", "The demo did not answer. Your text is still here."],
  stopped: ["La démo est arrêtée. Relancez cargo demo : cette page se reconnectera toute seule.",
    "The demo has stopped. Run cargo demo again: this page will reconnect by itself."],
  broken: [(code) => `La démo répond par une erreur (${code}). Nouvel essai en cours…`,
    (code) => `The demo answers with an error (${code}). Trying again…`],
  did: ["Ce que le système a fait", "What the system did"],
  replied: [(time) => `répondu en ${time}`, (time) => `replied in ${time}`],
  running: [(time) => `en cours, ${time}`, (time) => `running, ${time}`],
  told: [(time) => `annoncé en ${time}`, (time) => `told in ${time}`],
  steps: ["Étapes", "Steps"],
  state: [{ done: "fait", running: "en cours", failed: "échec", harm: "panne" }, { done: "done", running: "running", failed: "failed", harm: "outage" }],
  promise: ["Un message, trois posts", "One message, three posts"],
  offer: ["Dites ce que vous voulez publier : trois posts prêts à publier reviennent ici, pour un crédit.",
    "Say what you want to publish: three posts, ready to publish, come back here for one credit."],
  empty: ["Envoyez un message : ses étapes s’afficheront ici à mesure, avec leur durée. Voici son chemin.",
    "Send a message: its steps will show here as they happen, with the time each took. This is its path."],
  path: [[["Signature", "le webhook vient-il vraiment du fournisseur ?"], ["File d’attente", "gardé sur disque avant de répondre 200"],
    ["Crédit", "retenu avant le premier appel au modèle"], ["Modèle, trois étapes", "intention, consigne, trois posts"],
    ["Enregistrement", "posts, réponse et reçu en une transaction"], ["Envoi", "par le fournisseur d’où vient le message"],
    ["Remise, puis lecture", "les accusés que renvoie le téléphone"]],
  [["Signature", "does the webhook really come from the provider?"], ["Queue", "kept on disk before answering 200"],
    ["Credit", "held before the first call to the model"], ["Model, three steps", "intent, prompt, three posts"],
    ["Saved", "posts, reply and receipt in one transaction"], ["Sent", "by the provider the message came from"],
    ["Delivered, then read", "the receipts the phone sends back"]]],
  harms: ["Casser quelque chose", "Break something"],
  purse: ["Les crédits et l’argent", "Credits and money"],
  deed: [{ redeliver: ["Redélivrer"], kill_worker: ["Tuer le worker"], redis: ["Arrêter Redis", "Relancer Redis"],
    postgres: ["Arrêter Postgres", "Relancer Postgres"], slow_model: ["Modèle lent", "Modèle lent"],
    fail_model: ["Modèle en panne", "Modèle en panne"], empty: ["Vider les crédits"],
    refund: ["Rembourser"], dispute: ["Contester"] },
  { redeliver: ["Deliver again"], kill_worker: ["Kill the worker"], redis: ["Stop Redis", "Start Redis"],
    postgres: ["Stop Postgres", "Start Postgres"], slow_model: ["Slow model", "Slow model"],
    fail_model: ["Failing model", "Failing model"], empty: ["Use up credits"],
    refund: ["Refund"], dispute: ["Dispute"] }],
  deedTitle: [{ redeliver: "Le fournisseur livre encore une fois votre dernier message : mêmes octets, même signature",
    kill_worker: "kill -9 ; un superviseur le relance", redis: "kill -9, puis retour sur les mêmes données",
    postgres: "kill -9, puis retour sur les mêmes données", slow_model: "Chaque appel dure 5 s", fail_model: "Chaque appel répond 503",
    empty: "Une ligne de correction au grand livre, pour ne plus en avoir", refund: "Stripe rend l’argent du dernier achat et le dit par webhook",
    dispute: "La banque reprend l’argent du dernier achat ; Stripe le dit par webhook" },
  { redeliver: "The provider delivers your last message once more: same bytes, same signature",
    kill_worker: "kill -9; a supervisor starts it again", redis: "kill -9, then back on the same data",
    postgres: "kill -9, then back on the same data", slow_model: "Every call takes 5 s", fail_model: "Every call answers 503",
    empty: "One correcting line in the ledger, to have none left", refund: "Stripe gives back the money of the last purchase and tells by webhook",
    dispute: "The bank takes back the money of the last purchase; Stripe tells by webhook" }],
  away: [{ redis: ["Redis arrêté.", "La porte répond toujours 200 et garde les messages dans Postgres ; les workers attendent."],
    postgres: ["Postgres arrêté.", "Les messages entrent dans Redis ; les workers attendent, sans compter d’essai."],
    both: ["Redis et Postgres arrêtés.", "La porte répond 503 : le fournisseur garde le message et le redélivrera."],
    redisSilent: ["Redis ne répond pas.", "Nouvel essai en cours."], postgresSilent: ["Postgres ne répond pas.", "La suite s’affichera à son retour."],
    worker: ["Worker tué.", "Le superviseur le relance dans un instant."] },
  { redis: ["Redis stopped.", "The door still answers 200 and keeps messages in Postgres; workers wait."],
    postgres: ["Postgres stopped.", "Messages enter Redis; workers wait, counting no attempt."],
    both: ["Redis and Postgres stopped.", "The door answers 503: the provider keeps the message and will deliver it again."],
    redisSilent: ["Redis does not answer.", "Trying again."], postgresSilent: ["Postgres does not answer.", "The rest will show when it is back."],
    worker: ["Worker killed.", "The supervisor starts it again in a moment."] }],
  waiting: ["Ce message n’a pas encore laissé de trace.", "This message has left no trace yet."],
  line: ["File d’attente", "Queue"],
  queue: [{ ready: "prêts", leased: "en cours", delayed: "différés", dead: "abandonnés", oldest: "plus ancien" },
    { ready: "ready", leased: "leased", delayed: "delayed", dead: "dead", oldest: "oldest" }],
};

/** The words and formats of the language that is spoken. */
export let words, clock, date, number;
export function learn(language) {
  const nth = LANGUAGES.indexOf(language);
  words = Object.fromEntries(Object.entries(WORDS).map(([key, pair]) => [key, pair[nth]]));
  clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  date = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
  number = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
export function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${number.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min${seconds < 600 ? ` ${String(seconds % 60).padStart(2, "0")}` : ""}`;
}
