from futu import *
SysConfig.set_init_rsa_file('conn_key.txt')
quote_ctx = OpenQuoteContext(host='127.0.0.1', port=11111, is_encrypt=True)
