// The physician's week: FullCalendar and what it needs, as one file.
import { Calendar } from "fullcalendar";
export { Calendar };
