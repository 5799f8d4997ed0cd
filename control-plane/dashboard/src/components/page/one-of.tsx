/** The page of one thing: "not found" where the API says so, else what went wrong, or the content, old where need be. */
import { Loader } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "../../api/client.ts";
import { NotFound } from "./not-found.tsx";
import { Failure } from "./panel.tsx";

/** 422: an id that cannot be one. */
const NOT_FOUND = [404, 422];

interface OneOfRequested<Data> {
  from: Pick<UseQueryResult<Data>, "data" | "error" | "refetch">;
  children: (data: Data) => ReactNode;
}

/** It is not there, or is not the reader's to see. */
export function isNotFound(error: Error | null): boolean {
  return error instanceof Problem && NOT_FOUND.includes(error.status);
}

export function OneOf<Data>({ from: { data, error, refetch }, children }: OneOfRequested<Data>) {
  if (isNotFound(error)) return <NotFound />;
  if (data !== undefined) return children(data);
  if (error !== null) return <Failure why={error} again={() => void refetch()} />;
  return <Loader role="status" />;
}
