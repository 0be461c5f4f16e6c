using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What router and engines say to each other over HTTP.</summary>
/// <remarks>
/// <code>
/// engine → router   POST   /workers            EngineAnnouncement; at the start and every second: join, and "I am there"
/// engine → router   DELETE /workers/{name}     leave; with ?incarnation=… only if it is this one
///                                              both: 204; POST also 400 with what is wrong, 409 a living engine has the name or another model
/// supervisor → router  POST /workers/{name}/exited              EngineAnnouncement of an engine whose process has ended, says who has waited for it: also to
///                                              a router that does not know it, because it was started anew; or, instead of a body, ?process=ID
///                                              204; 404 it is not known (without a body), or still answers
/// router → engine   POST   /engine/generate    GenerateRequest → 200 application/x-ndjson, an EngineEvent a line; closing the connection aborts it
///                                              400 it can never be answered, 429 full, 503 not ready: {"error": "…"}
/// router → engine   POST   /engine/prefill     PrefillRequest to a prefill engine → 200 application/x-ndjson: "first", or "failed"; ends when the decode engine
///                                              has asked. Closing the connection before gives the prompt up. 400, 429, 503 as above
/// router → engine   PUT    /engine/peers       EngineAnnouncement[], the whole list
/// router → engine   POST   /engine/exited      EngineAnnouncement of an engine whose process has ended: what it could touch is free
/// router → engine   GET    /engine/status      EngineStatus
/// supervisor → engine  GET /engine/announcement  EngineAnnouncement
/// anybody → engine  POST   /engine/drain       take no more requests
/// anybody → engine  GET    /health/live, /health/ready
/// </code>
/// A POST or PUT without <c>Content-Type: application/json</c> is 415, also where it has no body; a request for another host is 421 (<see cref="HostNames"/>).
/// </remarks>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EngineAnnouncement))]
[JsonSerializable(typeof(EngineAnnouncement[]))]
[JsonSerializable(typeof(GenerateRequest))]
[JsonSerializable(typeof(PrefillRequest))]
[JsonSerializable(typeof(EngineEvent))]
[JsonSerializable(typeof(EngineStatus))]
internal sealed partial class ContractJson : JsonSerializerContext;
