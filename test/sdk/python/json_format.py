from futu import *
SysConfig.set_proto_fmt(ProtoFMT.Json)
quote_ctx = OpenQuoteContext(host='127.0.0.1', port=11111)
