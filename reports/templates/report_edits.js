"use strict";

/* Changes of the clusters, put together as one command to copy */
{
  const form = element("edits");
  const edits = { rename: new Map(), merge: [], split: new Set(), drop: new Set(), move: new Map() };
  const picks = [...document.querySelectorAll("#clusters .pick")];
  const picked = () => picks.filter((pick) => pick.checked).map((pick) => Number(pick.value));

  /* One word of a command, in any shell: nothing in it is run */
  const quote = (word) => (/^[\w.,:=/@%+-]+$/.test(word) ? word : /^[^"$`\\!\p{C}]*$/u.test(word) ? `"${word}"` : "'" + word.replaceAll("'", "'\\''") + "'");
  const sayable = (text) => !/\p{C}/u.test(text) && !text.startsWith("-");

  function command() {
    const words = [
      ...[...edits.rename].map(([number, name]) => ["--rename", `${number}=${name}`]),
      ...edits.merge.map((group) => ["--merge", group.join(",")]),
      ...[...edits.split].map((number) => ["--split", String(number)]),
      ...[...edits.drop].map((number) => ["--drop", String(number)]),
      ...[...edits.move].map(([id, number]) => ["--move", `${id}:${number}`]),
    ];
    return words.length ? ["bert-clustering edit", quote(form.dataset.folder), ...words.flat().map(quote)].join(" ") : "";
  }
  /* A cluster is merged, split or dropped once, and what is split or dropped gets no name and no text */
  function forget(numbers) {
    for (const number of numbers) for (const kind of ["split", "drop"]) edits[kind].delete(number);
    edits.merge = edits.merge.filter((group) => !group.some((number) => numbers.includes(number)));
  }
  function forgetNames(numbers) {
    for (const number of numbers) edits.rename.delete(number);
    for (const [id, number] of edits.move) if (numbers.includes(number)) edits.move.delete(id);
  }
  const makers = {
    rename(numbers) {
      const name = element("new-name").value.trim();
      if (!sayable(name) || !name) return element("new-name").focus();
      forget(numbers.filter((number) => edits.split.has(number) || edits.drop.has(number)));
      for (const group of edits.merge) if (group.includes(numbers[0])) forgetNames(group);
      edits.rename.set(numbers[0], name);
      element("new-name").value = "";
    },
    merge(numbers) {
      forget(numbers);
      for (const number of numbers.slice(1)) edits.rename.delete(number);
      edits.merge.push(numbers);
    },
    split(numbers) { forget(numbers); forgetNames(numbers); for (const number of numbers) edits.split.add(number); },
    drop(numbers) { forget(numbers); forgetNames(numbers); for (const number of numbers) edits.drop.add(number); },
  };
  function show() {
    const numbers = picked();
    const composed = command();
    form.hidden = !numbers.length && !composed;
    element("picked").textContent = numbers.length ? numbers.map((number) => `no. ${number} ${byNumber.get(number).label}`).join(" · ") : "Choose clusters in the table, or a text to move.";
    for (const button of form.querySelectorAll("[data-edit]")) {
      const { edit } = button.dataset;
      button.disabled = edit === "merge" ? numbers.length < 2 : edit === "rename" ? numbers.length !== 1 : !numbers.length;
    }
    element("new-name").disabled = numbers.length !== 1;
    element("composed").hidden = !composed;
    element("command").textContent = composed;
  }

  element("clusters").addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { edit } = event.submitter?.dataset ?? {};
    if (!edit) return;
    makers[edit](picked());
    for (const pick of picks) pick.checked = false;
    show();
  });
  form.addEventListener("reset", () => {
    for (const kind of ["rename", "split", "drop", "move"]) edits[kind].clear();
    edits.merge = [];
    for (const pick of picks) pick.checked = false;
    setTimeout(show);
  });
  element("copy").addEventListener("click", async () => {
    const said = element("copied");
    getSelection().selectAllChildren(element("command"));
    try {
      await navigator.clipboard.writeText(element("command").textContent);
      said.textContent = "Copied.";
    } catch (error) {
      said.textContent = "Marked: copy it with the keyboard."; // the browser lets no page from disk copy
    }
  });
  document.addEventListener("text-shown", ({ detail: i }) => {
    const id = String(documents.id[i]);
    if (!sayable(id) || documents.topics) return; // sentences share the id of their text
    const select = make("select", null);
    select.append(make("option", "Move it to …", { value: "" }));
    for (const cluster of clusters) if (cluster.cluster !== own[i]) select.append(make("option", cluster.label, { value: cluster.cluster }));
    select.value = edits.move.get(id) ?? "";
    select.setAttribute("aria-label", "Move this text to a cluster");
    select.addEventListener("change", () => {
      const number = Number(select.value);
      if (select.value === "") edits.move.delete(id);
      else {
        forget([number].filter((target) => edits.split.has(target) || edits.drop.has(target)));
        edits.move.set(id, number);
      }
      show();
    });
    element("mix").append(select);
  });
  show();
}
