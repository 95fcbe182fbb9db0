/** What a page is named after and where it begins: `h` the feed's row of heads, `c` the clock, `newest` its newest tick, null where nothing was published. */
export const LOG_STATE = `heads h
    join clocks c on c.partition_id = h.partition_id
    left join lateral (
      select last_position, recorded_at
        from ticks
       where partition_id = h.partition_id
         and feed_id = h.feed_id
       order by last_position desc
       limit 1) newest on true`;
