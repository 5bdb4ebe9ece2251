/** The current route, following the address. */

import { parseRoute, routeHash, type Route } from "./route";

let route = $state<Route>(parseRoute(location.hash));
addEventListener("hashchange", () => (route = parseRoute(location.hash)));

export const place = {
  get route(): Route {
    return route;
  },
  go(next: Partial<Route>): void {
    location.hash = routeHash({ ...route, ...next });
  },
};
