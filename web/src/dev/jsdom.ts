/** What tests of components need of a browser and jsdom lacks. To be imported before what is tested. */

window.matchMedia ??= (query) => Object.assign(new EventTarget(), { matches: false, media: query, onchange: null, addListener: () => undefined, removeListener: () => undefined });

Element.prototype.scrollIntoView ??= () => undefined;

HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
};

HTMLElement.prototype.showPopover ??= function (this: HTMLElement) {
  this.dispatchEvent(Object.assign(new Event("toggle"), { newState: "open" }));
};
HTMLElement.prototype.hidePopover ??= function (this: HTMLElement) {
  this.dispatchEvent(Object.assign(new Event("toggle"), { newState: "closed" }));
};
