/**
 * The record of when the service first saw the rows of a symbol, as the script of a write keeps it. One string:
 * `WRITTEN`, the time of its last write in Unix milliseconds, and a line `DATE SEEN` for each row, newest first. DATE is the
 * timestamp of the row. SEEN is the Unix time in seconds, rounded up; 0 if the row was in the first page of the record.
 */

/** Keys of the records. `npm run purge` keeps them. */
export const FIRST_SEEN_PREFIX = "short-interest:first-seen:";

/** The record of a symbol expires this long after its last write. */
export const FIRST_SEEN_MS = 730 * 86_400_000;
/** A fetch without new rows writes the record again after this time, so that the record of a used symbol stays. */
const FIRST_SEEN_RENEWAL_MS = 30 * 86_400_000;
/** Rows of a record: about nine years of weekly rows after the 50 rows of the first page. Older rows fall out. */
const MAX_DATES = 512;

/**
 * `recordFirstSeen(key, stored, dates, seenAt, now)` adds the rows of a first page to the record. It writes only for new rows,
 * and for a renewal: one command. A row older than all recorded rows is not added: it may have been there before. A recorded
 * row newer than the page does not exist: OpenD has corrected its date, and a row of that date would get a time too early.
 *
 * Arguments: `stored` is the value of `key` or false; `dates` are the timestamps of the rows between spaces, '' for a page
 * that says nothing; `seenAt` is the time of the reply, `now` that of the write, in milliseconds.
 */
export const FIRST_SEEN_FUNCTION = `
local function recordFirstSeen(key, stored, dates, seenAt, now)
  local written, known = string.match(stored or '', '^(%d+)(.*)$')
  local entries, isKnown, oldest, isChanged = {}, {}, nil, false
  local newest = tonumber(string.match(dates, '%d+'))
  for date, seen in string.gmatch(known or '', '\\n(%d+) (%d+)') do
    if newest and tonumber(date) > newest then
      isChanged = true
    else
      isKnown[date] = true
      oldest = math.min(oldest or tonumber(date), tonumber(date))
      table.insert(entries, {date = date, seen = seen})
    end
  end
  local seen = oldest and string.format('%.0f', math.ceil(seenAt / 1000)) or '0'
  for date in string.gmatch(dates, '%d+') do
    if not isKnown[date] and (not oldest or tonumber(date) > oldest) then
      isChanged = true
      table.insert(entries, {date = date, seen = seen})
    end
  end
  local isDue = oldest and dates ~= '' and now - tonumber(written) >= ${FIRST_SEEN_RENEWAL_MS}
  if not isChanged and not isDue then return end
  table.sort(entries, function(one, other) return tonumber(one.date) > tonumber(other.date) end)
  local lines = {string.format('%.0f', now)}
  for index = 1, math.min(#entries, ${MAX_DATES}) do
    table.insert(lines, entries[index].date .. ' ' .. entries[index].seen)
  end
  redis.call('SET', key, table.concat(lines, '\\n'), 'PX', ${FIRST_SEEN_MS})
end
`;
