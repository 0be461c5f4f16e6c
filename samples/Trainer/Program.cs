using System.CommandLine;
using Nixl.Sdk.Samples.Trainer;

OlderLibstdcxx.Adapt(AppContext.BaseDirectory);

var hidden = new Option<int>("--hidden") { Description = "Width of the model.", DefaultValueFactory = _ => ModelShape.Default.Hidden };
var layers = new Option<int>("--layers") { Description = "Layers.", DefaultValueFactory = _ => ModelShape.Default.Layers };
var feedForward = new Option<int>("--feed-forward") { Description = "Width inside SwiGLU.", DefaultValueFactory = _ => ModelShape.Default.FeedForward };
var heads = new Option<int>("--heads") { Description = "Query heads.", DefaultValueFactory = _ => ModelShape.Default.Heads };
var kvHeads = new Option<int>("--kv-heads") { Description = "KV heads; divide the query heads.", DefaultValueFactory = _ => ModelShape.Default.KvHeads };
ModelShape ShapeOf(ParseResult parse) => ModelShape.Default with
{
    Hidden = parse.GetValue(hidden), Layers = parse.GetValue(layers), FeedForward = parse.GetValue(feedForward),
    Heads = parse.GetValue(heads), KvHeads = parse.GetValue(kvHeads),
};

var folder = new Option<string>("--output") { Description = "Folder for config.json and model.safetensors.", DefaultValueFactory = _ => "out" };
var minutes = new Option<double>("--minutes") { Description = "Wall-clock budget.", DefaultValueFactory = _ => 60 };
var rate = new Option<double>("--rate") { Description = "Peak learning rate.", DefaultValueFactory = _ => 3e-3 };
var batch = new Option<int>("--batch-tokens") { Description = "Tokens in a step.", DefaultValueFactory = _ => 4096 };
var threads = new Option<int>("--threads") { Description = "Threads.", DefaultValueFactory = _ => 1 };
var seed = new Option<int>("--seed") { Description = "Seed of weights and batches.", DefaultValueFactory = _ => 1611 };
var steps = new Option<long>("--steps") { Description = "Stop after so many steps.", DefaultValueFactory = _ => long.MaxValue };
var train = new Command("train", "Trains a model.") { folder, minutes, rate, batch, threads, seed, steps, hidden, layers, feedForward, heads, kvHeads };
train.SetAction(parse =>
{
    var options = new TrainOptions(
        parse.GetValue(folder)!, TimeSpan.FromMinutes(parse.GetValue(minutes)), parse.GetValue(rate), parse.GetValue(batch),
        Context: 256, LongContext: 512, parse.GetValue(threads), parse.GetValue(seed), parse.GetValue(steps));
    new TrainingRun(ShapeOf(parse), options, Corpus.FromDebianPackage()).Run();
});

var model = new Option<string>("--model") { Description = "Folder of an exported model.", Required = true };
var file = new Option<string>("--output") { Description = "File to write.", Required = true };
var fixture = new Command("fixture", "Writes logits of an exported model, for the engine's tests.") { model, file, hidden, layers, feedForward, heads, kvHeads };
fixture.SetAction(parse => Fixture.Write(parse.GetValue(model)!, parse.GetValue(file)!, ShapeOf(parse)));

return new RootCommand("Trains the byte-level Llama model of the samples on the King James text.") { train, fixture }.Parse(args).Invoke();
