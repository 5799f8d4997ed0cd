/** The page of one thing: "not found" where the API says so, else what went wrong, or the content, old where need be. */
import { Loader } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "../api/client.ts";
import { NotFound } from "./not-found.tsx";
import { Failure } from "./panel.tsx";

const NOT_FOUND = 404;

interface OneOfAsked<Data> {
  from: Pick<UseQueryResult<Data>, "data" | "error" | "refetch">;
  children: (data: Data) => ReactNode;
}

export function OneOf<Data>({ from: { data, error, refetch }, children }: OneOfAsked<Data>) {
  if (error instanceof Problem && error.status === NOT_FOUND) return <NotFound />;
  if (data !== undefined) return children(data);
  if (error !== null) return <Failure why={error.message} again={() => void refetch()} />;
  return <Loader role="status" />;
}
