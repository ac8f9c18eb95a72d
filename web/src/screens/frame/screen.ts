/** How much room there is: under 720 px one pane is shown at a time. */
import { MediaQuery } from "svelte/reactivity";

export const phone = new MediaQuery("max-width: 719px");
