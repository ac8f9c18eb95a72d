/** How much room there is: under 720 px one pane is shown at a time, and under 1100 px a panel takes the page's place. */
import { MediaQuery } from "svelte/reactivity";

export const phone = new MediaQuery("max-width: 719px");
export const narrow = new MediaQuery("max-width: 1099px");
