/** What a new session asks first. Without the SDK, so that the login page can ask it too. */

/** Messages of each room in the first sync: enough for a screen of them. */
export const FIRST_MESSAGES = 20;

/** As the SDK makes it of our options; where it asks otherwise, the answer is not used. */
const FILTER = { room: { timeline: { unread_thread_notifications: false, limit: FIRST_MESSAGES }, state: { lazy_load_members: true } } };

/** The address of the first sync, without what keeps it from caches. */
export const FIRST_SYNC = `/_matrix/client/v3/sync?filter=${encodeURIComponent(JSON.stringify(FILTER))}&timeout=0&org.matrix.msc4222.use_state_after=true`;
